"""The jobs that an earlier life of a sweep has left, found again by their ids or by their files."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ax_moo.jobs.folders import attempt_folders
from ax_moo.jobs.launcher import AsyncLauncher, JobHandle
from ax_moo.trial import Job, Trial

log = logging.getLogger(__name__)

T = TypeVar("T")

TRY_AGAIN_SECONDS = 2.0


def unnoted_job(trial: Trial, sweep_folder: Path, about: Mapping[str, Any]) -> Job | None:
    """The job of a staged trial that a killed sweeper submitted and had no time to note."""
    from ax_moo_launchers.files import submitted_job

    jobs = map(submitted_job, attempt_folders(sweep_folder, about, trial.index, trial.attempt))
    return next((job for job in jobs if job is not None), None)


def find(launcher: AsyncLauncher, trial: Trial, sweep_folder: Path, about: Mapping[str, Any]) -> JobHandle | None:
    """The job of a staged trial, whatever launcher has submitted it and wherever that kept its files."""

    def look() -> JobHandle | None:
        handle = launcher.find(trial.index, trial.attempt)
        job = None if handle is not None else unnoted_job(trial, sweep_folder, about)
        return handle if job is None else launcher.attach(job)

    return _until_seen(look, f"the job of trial {trial.index}")


def attach(launcher: AsyncLauncher, job: Job) -> JobHandle:
    return _until_seen(lambda: launcher.attach(job), f"job {job.job_id}")


def _until_seen(look: Callable[[], T], what: str) -> T:
    """What ``look`` returns; while it raises OSError nobody can say whether a job runs, and none may be submitted."""
    is_said = False
    while True:
        try:
            return look()
        except OSError as error:
            if not is_said:
                log.warning(
                    "Paused: %s cannot be looked for (%s); the sweep goes on as soon as that works", what, error
                )
            is_said = True
            time.sleep(TRY_AGAIN_SECONDS)
