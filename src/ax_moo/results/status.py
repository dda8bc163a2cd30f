"""The status of a sweep from its folder alone, without a question to the scheduler: state, time, retries, failures."""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from ax_moo.jobs.logs import log_of
from ax_moo.storage.folder import SweepFolder
from ax_moo.system.redaction import message_without_secrets
from ax_moo.trial import Job, Trial, TrialStatus


class SweepState(StrEnum):
    """The state of a sweep. An INTERRUPTED one has jobs that still run; a QUEUED one waits in Slurm's queue.

    A COPY is the copy of an unfinished sweep's folder.
    """

    RUNNING = "running"
    QUEUED = "queued"
    FINISHED = "finished"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    KILLED = "killed"
    COPY = "copy"


def state_of(sweep: SweepFolder) -> SweepState:
    """The state of the sweep, which is never QUEUED here, because only Slurm knows that."""
    if sweep.is_swept:
        return SweepState.RUNNING
    if _is_finished(sweep):
        return SweepState.FINISHED
    if sweep.copy_of is not None:
        return SweepState.COPY
    if sweep.holder is not None and sweep.holder.ended is None:
        return SweepState.KILLED
    return SweepState.INTERRUPTED if sweep.running else SweepState.STOPPED


def elapsed(sweep: SweepFolder, now: float) -> float | None:
    """Seconds from the sweep's first start to now, or to its last record where no process runs it."""
    started = sweep.header.get("time")
    if not isinstance(started, int | float):
        return None
    last = max((trial.time for trial in sweep.trials), default=started)
    ended = (sweep.holder.ended if sweep.holder else None) or last
    return round(max(0.0, (now if sweep.is_swept else ended) - started), 1)


def retries(trial: Trial) -> list[dict[str, Any]]:
    return [
        {
            "trial": trial.index,
            "attempt": number,
            "reason": message_without_secrets(attempt.reason),
            "counts": attempt.counts,
            "fault": attempt.fault,
            "node": attempt.node or None,
            "request": dict(attempt.job.request),
            **where(attempt.job),
        }
        for number, attempt in enumerate(trial.previous_attempts, start=1)
    ]


def failures(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The failed trials by reason, the most frequent reason first, each with the log of its last trial."""
    by_reason: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.status is TrialStatus.FAILED:
            by_reason[trial.reason or "no reason is known"].append(trial)
    groups = sorted(by_reason.items(), key=lambda group: -len(group[1]))
    return [
        {
            "reason": message_without_secrets(reason),
            "trials": [trial.index for trial in failed],
            "log": where(failed[-1].job)["log"],
        }
        for reason, failed in groups
    ]


def model_failures(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The trials whose candidates are Sobol points because the model failed, by reason."""
    by_reason: dict[str, list[int]] = defaultdict(list)
    for trial in trials:
        if trial.model_failed is not None:
            by_reason[trial.model_failed].append(trial.index)
    return [{"reason": message_without_secrets(reason), "trials": numbers} for reason, numbers in by_reason.items()]


def where(job: Job | None) -> dict[str, str | None]:
    """The job's id, folder and log; a job that ran inside the sweeper has no folder and no log."""
    if job is None or not job.folder:
        return {"job_id": job.job_id if job else None, "folder": None, "log": None}
    return {"job_id": job.job_id, "folder": str(Path(job.folder)), "log": str(log_of(job))}


def _is_finished(sweep: SweepFolder) -> bool:
    """Whether nothing is left to do, by the recorded exit code, or else by the number of trials."""
    if "exit_code" in sweep.about:
        # Earlier versions noted the exit code alone.
        is_over = sweep.about.get("is_over", sweep.about["exit_code"] in (0, 1))
        return bool(is_over) and not sweep.running
    n_trials = sweep.about.get("n_trials")
    over = isinstance(n_trials, int) and len(sweep.trials) >= n_trials
    return over and all(trial.status.is_finished for trial in sweep.trials)
