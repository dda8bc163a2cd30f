"""``ax-moo wandb report``: a Report in W&B."""

from ax_moo.wandb.project import open_project
from ax_moo.wandb.saved_report import save_report


def report(project: str, group: str, entity: str | None, title: str | None, run_id: str | None) -> None:
    """Save it, and print its address."""
    with open_project(project, entity) as found:
        print(save_report(found, group, title, run_id))
