"""A sweep of W&B as a sweep folder, for all that reads sweep folders."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.results.tables import write_results
from ax_moo.storage import journal
from ax_moo.storage.journal import JOURNAL_FILE, PULLED
from ax_moo.system.disk import replace_file
from ax_moo.system.errors import ConfigError
from ax_moo.wandb.curves import write_curves
from ax_moo.wandb.project import Project
from ax_moo.wandb.remote_journal import SweepJournal, read_journal, sweep_run, trial_runs


@dataclass(frozen=True)
class Pulled:
    """``lost`` are numbers of lines of the sweep's journal that W&B does not have; ``state`` is that of its run."""

    folder: Path
    run_id: str
    state: str
    lost: Sequence[int]
    curves: int


def pull(project: Project, group: str, folder: Path, run_id: str | None = None) -> Pulled:
    """Write the group's sweep into the folder, over what was pulled into it before.

    Raises:
        ConfigError: the group holds no sweep, or several; or the folder holds something else.
    """
    runs = project.runs(group)
    sweep = sweep_run(runs, run_id)
    source = {"project": project.path, "group": group, "run": sweep.id}
    _check_free(folder, source)
    found = read_journal(sweep)
    try:
        _write_journal(folder, found, source)
        trials, problem = journal.trials(folder), Problem.from_dict(found.header["problem"])
        metrics = dict.fromkeys(name for trial in trials for name in trial.outcome or {})
        curves = write_curves(folder, trial_runs(runs, sweep), metrics or dict.fromkeys(problem.metric_names))
        write_results(folder, trials, problem)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written to: {error.strerror or error}") from None
    return Pulled(folder, sweep.id, sweep.state, found.lost, curves)


def _check_free(folder: Path, source: dict[str, Any]) -> None:
    """A sweep that was run here must never be overwritten."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder; name another one with -o DIR")
    before = (journal.header(folder) or {}).get(PULLED)
    if before is None and any(folder.iterdir()):
        held = "a sweep" if (folder / JOURNAL_FILE).exists() else "files"
        raise ConfigError(f"{folder} holds {held} that did not come from W&B; name another folder with -o DIR")
    if before is not None and {key: before.get(key) for key in source} != source:
        raise ConfigError(
            f"{folder} holds what was pulled of {before.get('project')}, group {before.get('group')}, run "
            f"{before.get('run')}; name another folder with -o DIR"
        )


def _write_journal(folder: Path, found: SweepJournal, source: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header = {**found.header, PULLED: {**source, "time": time.time()}}
    replace_file(folder / JOURNAL_FILE, "".join(line + "\n" for line in (json.dumps(header), *found.lines)))
