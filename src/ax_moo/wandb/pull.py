"""Downloads a sweep from W&B into a sweep folder, for the commands and notebooks that read such folders."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_moo.measurements import MEASUREMENTS_FILE
from ax_moo.problem.problem import Problem
from ax_moo.results.tables import write_results
from ax_moo.storage import journal
from ax_moo.storage.journal import JOURNAL_FILE, PULLED
from ax_moo.system.disk import replace_file
from ax_moo.system.errors import ConfigError
from ax_moo.trial import completed
from ax_moo.wandb.project import PAGE, Project, SweepJournal, read_journal, runs_of_trials, sweep_run


@dataclass(frozen=True)
class Pulled:
    """The result of a pull. ``lost`` are the lines of the journal that W&B does not have, ``state`` is the run's."""

    folder: Path
    run_id: str
    state: str
    lost: Sequence[int]
    curves: int


def pull(project: Project, group: str, folder: Path, run_id: str | None = None) -> Pulled:
    """Write the group's sweep into the folder, over an earlier pull of the same sweep.

    Raises:
        ConfigError: the group holds no sweep, or several without ``run_id``; or the folder holds something else.
    """
    sweep = sweep_run(project.runs(group), run_id)
    source = {"project": project.path, "group": group, "run": sweep.id}
    _check_free(folder, source)
    found = read_journal(sweep)
    try:
        _write_journal(folder, found, source)
        trials, problem = journal.trials(folder), Problem.from_dict(found.header["problem"])
        metrics = dict.fromkeys(name for trial in completed(trials) for name in trial.outcome)
        of_trials = runs_of_trials(project, group, [trial.index for trial in trials], sweep.id)
        curves = write_curves(folder, of_trials, metrics or dict.fromkeys(problem.metric_names))
        write_results(folder, trials, problem)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written to: {error.strerror or error}") from None
    return Pulled(folder, sweep.id, sweep.state, found.lost, curves)


def _check_free(folder: Path, source: dict[str, Any]) -> None:
    """Refuse a folder with anything but an earlier pull, so that no sweep that ran here is overwritten."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError(f"{folder} must be a folder, got a file; name another one with -o DIR")
    before = (journal.header(folder) or {}).get(PULLED)
    if before is None and any(folder.iterdir()):
        held = "a sweep" if (folder / JOURNAL_FILE).exists() else "files"
        raise ConfigError(f"{folder} holds {held} that did not come from W&B; name another folder with -o DIR")
    if before is not None and {key: before.get(key) for key in source} != source:
        raise ConfigError(
            f"{folder} holds another sweep, pulled from {before.get('project')}, group {before.get('group')}, run "
            f"{before.get('run')}; name another folder with -o DIR"
        )


def _write_journal(folder: Path, found: SweepJournal, source: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header = {**found.header, PULLED: {**source, "time": time.time()}}
    replace_file(folder / JOURNAL_FILE, "".join(line + "\n" for line in (json.dumps(header), *found.lines)))


AT_ONCE = 8
"""The number of runs read at once: each takes several requests, which W&B answers slowly."""

_STEP_KEYS = ("epoch", "trainer/global_step", "_step")


def write_curves(folder: Path, runs: Mapping[int, Any], metrics: Iterable[str]) -> int:
    """Write the curves of the trials' runs, and return how many trials have a curve."""
    wanted = [metric for metric in metrics if metric not in _STEP_KEYS]

    def write(trial: int) -> bool:
        rows = _measurements(runs[trial], wanted)
        if rows:
            path = folder / str(trial) / MEASUREMENTS_FILE
            path.parent.mkdir(exist_ok=True)
            replace_file(path, "".join(json.dumps(row) + "\n" for row in rows))
        return bool(rows)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(write, runs))


def _measurements(run: Any, metrics: Iterable[str]) -> list[dict[str, Any]]:
    """One row per step of the run's history, in the form of :func:`ax_moo.measurements.report`."""
    keys = (run.history_keys or {}).get("keys", {})
    step_key = next((key for key in _STEP_KEYS if key in keys), "_step")
    steps: dict[int, dict[str, Any]] = {}
    values: dict[int, dict[str, float]] = defaultdict(dict)
    for metric in metrics:
        if metric not in keys:
            continue
        # W&B returns only rows that hold all the keys, so each metric is read by itself.
        wanted = list({metric, step_key, "_step", "_timestamp"})
        for row in run.scan_history(keys=wanted, page_size=10 * PAGE, use_cache=False):
            with suppress(TypeError, ValueError):  # the value may be an image or the like
                values[row["_step"]][metric] = float(row[metric])  # NaN and infinity are strings
                steps[row["_step"]] = row
    # ax_moo.lightning counts the epochs that have begun.
    first = 1 if step_key == "epoch" else 0
    return [
        {"step": int(steps[at][step_key]) + first, "time": steps[at]["_timestamp"], "metrics": values[at]}
        for at in sorted(steps)
    ]
