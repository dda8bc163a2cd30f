"""``ax-moo wandb`` against a server of the tests, without the seconds that importing wandb and pandas costs."""

from pathlib import Path

from ax_moo_command import AX_MOO
from command_line import Ended, command_line
from wandb_server import FakeWandb


def ax_moo_wandb(server: FakeWandb, folder: Path, *arguments: str, **environment: str) -> Ended:
    """The command, run in ``folder`` to its end."""
    changed = {**server.environment(), "OMP_NUM_THREADS": "1", **environment}
    forks = command_line("pandas", "wandb", "wandb_workspaces.reports.v2", "ax_moo.cli.wandb_commands")
    return forks.run(folder, "wandb", *arguments, app=AX_MOO, environment=changed)
