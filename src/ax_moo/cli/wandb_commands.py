"""``ax-moo wandb pull``: groups of W&B as sweep folders."""

import re
from collections.abc import Sequence
from pathlib import Path

from ax_moo.cli.compare import compare_folders
from ax_moo.cli.report import report
from ax_moo.console.progress import open_console
from ax_moo.console.summary import closing_lines, frontier_table
from ax_moo.storage.folder import open_folder
from ax_moo.system.errors import ConfigError
from ax_moo.wandb.project import open_project
from ax_moo.wandb.pull import Pulled
from ax_moo.wandb.pull import pull as pull_group


def pull(
    project: str, groups: Sequence[str], into: Path | None, entity: str | None, run_id: str | None, with_report: bool
) -> None:
    """Pull one group after the other, and say of each what it holds, and how they compare."""
    groups = list(dict.fromkeys(groups))
    if run_id is not None and len(groups) > 1:
        raise ConfigError("--run chooses among the sweeps of one group; pull that group alone")
    folders = _folders(groups, into)
    for group, folder in zip(groups, folders, strict=True):
        with open_project(project, entity) as found:
            pulled = pull_group(found, group, folder.absolute(), run_id)
        _say(pulled)
        if with_report:
            report(pulled.folder, None)
    if len(folders) > 1:
        _compare(folders)


def _folders(groups: Sequence[str], into: Path | None) -> list[Path]:
    if into is not None and len(groups) == 1:
        return [into]
    names = [re.sub(r"[^\w.-]+", "-", group) for group in groups]
    return [Path(f"wandb-{name}") if into is None else into / name for name in names]


def _compare(folders: Sequence[Path]) -> None:
    try:
        compare_folders(folders, None)
    except ConfigError as error:
        print(f"not compared: {error}")


def _say(pulled: Pulled) -> None:
    sweep = open_folder(pulled.folder)
    frontier = frontier_table(sweep.trials, sweep.problem)
    if frontier.row_count:
        open_console().print(frontier)
    for line in closing_lines(sweep.trials, sweep.problem):
        print(line)
    if pulled.lost:
        numbers = ", ".join(map(str, pulled.lost))
        print(f"W&B does not have the lines {numbers} of the sweep's journal: ax-moo wandb sync may bring them there")
    if pulled.state == "running":
        print("the sweep goes on; pull it again to see more of it")
    print(f"the sweep {pulled.run_id} is in {sweep.path}, with curves of {pulled.curves} trials")
