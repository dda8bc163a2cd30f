"""The state of a sweep as plain data: what ``ax-moo status --json`` prints."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ax_moo.budget import Budget
from ax_moo.cli.controller import queued_controller
from ax_moo.cli.left_jobs import states_of_left_jobs
from ax_moo.cli.sweep_folder import SweepFolder
from ax_moo.frontier import hypervolume_of
from ax_moo.jobs import JobState
from ax_moo.logs import log_of
from ax_moo.results import optimization_results
from ax_moo.trial import Job, Trial, TrialStatus


def facts_of(sweep: SweepFolder, now: float) -> dict[str, Any]:
    """The keys are those of docs/cli.md; times are seconds since the epoch."""
    states = states_of_left_jobs(sweep)
    multi = sweep.problem.is_multi_objective
    solutions = optimization_results(sweep.trials, sweep.problem)["solutions"]
    return {
        "folder": str(sweep.path),
        **_state(sweep),
        "n_trials": sweep.about.get("n_trials"),
        "n_jobs": sweep.about.get("n_jobs"),
        "started": sweep.header.get("time"),
        "elapsed_s": _elapsed(sweep, now),
        "trials": {str(status): sum(t.status is status for t in sweep.trials) for status in TrialStatus},
        "running": [_running(trial, states.get(trial.index), now) for trial in sweep.running],
        "retries": [retry for trial in sweep.trials for retry in _retries(trial)],
        "failures": _failures(sweep.trials),
        "frontier": solutions,
        "hypervolume": hypervolume_of(sweep.trials, sweep.problem) if multi else None,
        "best": solutions[0] if solutions and not multi else None,
        "command": sweep.about.get("command"),
        "cwd": sweep.about.get("cwd"),
    }


def _state(sweep: SweepFolder) -> dict[str, Any]:
    """``running``, ``queued``, ``finished``, ``stopped``, ``interrupted`` or ``killed``, and by whom."""
    holder = sweep.holder
    sweeper = None
    if holder is not None and holder.host:
        sweeper = {"host": holder.host, "pid": holder.pid, "since": holder.time, "ended": holder.ended}
    if sweep.is_swept:
        return {"state": "running", "sweeper": sweeper, "controller": None}
    if _is_finished(sweep):
        return {"state": "finished", "sweeper": sweeper, "controller": None}
    controller = queued_controller(sweep.path)
    if controller is not None:
        return {"state": "queued", "sweeper": sweeper, "controller": controller.job_id}
    if holder is not None and holder.ended is None:
        return {"state": "killed", "sweeper": sweeper, "controller": None}
    return {"state": "interrupted" if sweep.running else "stopped", "sweeper": sweeper, "controller": None}


def _is_finished(sweep: SweepFolder) -> bool:
    """Whether nothing is left to do, as far as the number of trials is all that ends the sweep."""
    if "exit_code" in sweep.about:
        return bool(sweep.about["exit_code"] in (0, 1))
    n_trials = sweep.about.get("n_trials")
    over = isinstance(n_trials, int) and Budget(n_trials).remaining(sweep.trials) == 0
    return over and all(trial.status.is_finished for trial in sweep.trials)


def _elapsed(sweep: SweepFolder, now: float) -> float | None:
    """From the sweep's first start to now, or to its last sign of life."""
    started = sweep.header.get("time")
    if not isinstance(started, int | float):
        return None
    last = max((trial.time for trial in sweep.trials), default=started)
    ended = (sweep.holder.ended if sweep.holder else None) or last
    return round(max(0.0, (now if sweep.is_swept else ended) - started), 1)


def _running(trial: Trial, state: JobState | None, now: float) -> dict[str, Any]:
    return {
        "trial": trial.index,
        "attempt": trial.attempt,
        **_where(trial.job),
        "state": None if state is None else str(state),
        "age_s": round(max(0.0, now - trial.time), 1),
    }


def _retries(trial: Trial) -> list[dict[str, Any]]:
    return [
        {
            "trial": trial.index,
            "attempt": number,
            "reason": attempt.reason,
            "counts": attempt.counts,
            **_where(attempt.job),
        }
        for number, attempt in enumerate(trial.earlier, start=1)
    ]


def _failures(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Failed trials by their reason, the most frequent one first; the log is that of the last of them."""
    by_reason: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.status is TrialStatus.FAILED:
            by_reason[trial.reason or "no reason is known"].append(trial)
    groups = sorted(by_reason.items(), key=lambda group: -len(group[1]))
    return [
        {"reason": reason, "trials": [trial.index for trial in failed], "log": _where(failed[-1].job)["log"]}
        for reason, failed in groups
    ]


def _where(job: Job | None) -> dict[str, str | None]:
    """The job and the folder of its files; jobs that ran inside the sweeper have neither."""
    if job is None or not job.folder:
        return {"job_id": job.job_id if job else None, "folder": None, "log": None}
    return {"job_id": job.job_id, "folder": str(Path(job.folder)), "log": str(log_of(job))}
