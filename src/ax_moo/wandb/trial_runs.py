"""Tags the W&B runs of trials on the Pareto frontier, and closes the runs of killed trials, at the end of a sweep."""

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ax_moo.jobs.wandb_session import service_killed_after
from ax_moo.problem.frontier import pareto_trials
from ax_moo.storage.folder import open_folder
from ax_moo.system.text import error_line
from ax_moo.trial import Trial, TrialStatus
from ax_moo.wandb.project import Project, import_wandb, runs_of_trials
from ax_moo.wandb.service import GRACE, QUIET_AND_BOUNDED

TAG = "pareto"
ENDED_BADLY = (TrialStatus.FAILED, TrialStatus.ABANDONED)
OPEN_STATES = ("running", "crashed", "pending")
INIT_SECONDS = 20.0
FINISH_SECONDS = 20.0


@dataclass
class Closed:
    """The ids of the changed runs. ``left`` holds those that were not changed, with the reason."""

    tagged: list[str] = field(default_factory=list)
    untagged: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def tag_and_close(
    project: Project, group: str, folder: Path, run_id: str | None = None, seconds: float = 60.0
) -> Closed:
    """Tag the runs of trials on the frontier, and close as failed the runs that killed jobs left open.

    A run whose application gives no group, such as one that asks for the group "", is put into that of the sweep.

    The trials' states come from ``folder``, the sweep's folder, because W&B does not know how a killed job ended.
    ``run_id`` is the id of the sweep's own run, which is needed where the group holds several sweeps.

    Raises:
        ConfigError: the group has no run of a sweep, or the folder holds no sweep.
    """
    sweep = open_folder(folder)
    own = runs_of_trials(project, group, [trial.index for trial in sweep.trials], run_id)
    until, done = time.monotonic() + seconds, Closed()
    _take_in(own, group, until, done)
    _tag(own, {trial.index for trial in pareto_trials(sweep.trials, sweep.problem)}, until, done)
    _close(own, sweep.trials, folder, until, done)
    return done


def _take_in(runs: Mapping[int, Any], group: str, until: float, done: Closed) -> None:
    """Say of each run which trial it is, where its application says nothing else."""
    for trial, run in runs.items():
        lacking = not run.group or not run.job_type or "trial" not in run.config
        if lacking:
            run.group, run.job_type = run.group or group, run.job_type or "trial"
            run.config.setdefault("trial", trial)
            _attempt(run.update, run.id, until, done)


def _tag(runs: Mapping[int, Any], front: Set[int], until: float, done: Closed) -> None:
    for trial, run in runs.items():
        is_tagged = TAG in run.tags
        if is_tagged == (trial in front):
            continue
        run.tags = [tag for tag in run.tags if tag != TAG] + ([] if is_tagged else [TAG])
        if _attempt(run.update, run.id, until, done):
            (done.untagged if is_tagged else done.tagged).append(run.id)


def _close(runs: Mapping[int, Any], trials: Sequence[Trial], folder: Path, until: float, done: Closed) -> None:
    failed = [runs[trial.index] for trial in trials if trial.status in ENDED_BADLY and trial.index in runs]
    for run in failed:
        if run.state in OPEN_STATES and _attempt(partial(_fail, run, folder), run.id, until, done):
            done.closed.append(run.id)


def _fail(run: Any, folder: Path) -> None:
    wandb = import_wandb()
    timeouts = {"init_timeout": INIT_SECONDS, "finish_timeout": FINISH_SECONDS}
    settings = wandb.Settings(**QUIET_AND_BOUNDED, **timeouts, x_disable_stats=True)
    with service_killed_after(INIT_SECONDS + FINISH_SECONDS + GRACE):
        again = wandb.init(
            project=run.project,
            entity=run.entity,
            id=run.id,
            resume="must",
            dir=folder,
            mode="online",
            settings=settings,
        )
        again.finish(exit_code=1)


def _attempt(call: Callable[[], object], run_id: str, until: float, done: Closed) -> bool:
    if time.monotonic() > until:
        done.left[run_id] = "the time limit had passed"
        return False
    try:
        call()
    except Exception as error:
        done.left[run_id] = error_line(error)
        return False
    return True
