"""Finds the jobs that an earlier process of the sweep submitted, by their ids or by their files."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ax_moo.jobs.folders import attempt_folders, bases, of_sweep
from ax_moo.jobs.launcher import AsyncLauncher, JobHandle, JobRequest
from ax_moo.storage.folder import SweepFolder
from ax_moo.sweep.steps.submission import request_of
from ax_moo.trial import Job, Trial

log = logging.getLogger(__name__)

T = TypeVar("T")

TRY_AGAIN_SECONDS = 2.0


def unnoted_job(request: JobRequest, sweep_folder: Path, about: Mapping[str, Any]) -> Job | None:
    """The job of a staged trial where a sweeper was killed between submitting it and recording its id."""
    from ax_moo_launchers.submitted_jobs import requested_job

    jobs = (requested_job(folder, request) for folder in attempt_folders(sweep_folder, about, request))
    return next((job for job in jobs if job is not None), None)


def job_of(trial: Trial, sweep: SweepFolder) -> Job | None:
    """The job of an unfinished trial, also one that a killed sweeper did not record; never one of another sweep."""
    from ax_moo_launchers.submitted_jobs import is_anothers

    request = request_of(trial, sweep.problem.search_space, sweep.sweep_id)
    if trial.job is None:
        return unnoted_job(request, sweep.path, sweep.about)
    return None if is_anothers(trial.job, request) else trial.job


def end_ready_jobs(sweep_folder: Path, about: Mapping[str, Any], sweep_id: str) -> None:
    """Cancel the Slurm jobs that wait for trials of a sweep which has no sweeper."""
    from ax_moo_launchers.attach import end_carriers

    for base in bases(sweep_folder, about):
        for each in dict.fromkeys((of_sweep(base, sweep_folder, sweep_id), base)):
            end_carriers(each)


def find(
    launcher: AsyncLauncher, request: JobRequest, sweep_folder: Path, about: Mapping[str, Any]
) -> JobHandle | None:
    """The job of a staged trial, if it was submitted, by any launcher and with any folder for its files."""

    def search() -> JobHandle | None:
        handle = launcher.find(request)
        job = None if handle is not None else unnoted_job(request, sweep_folder, about)
        return handle if job is None else launcher.attach(job)

    return _until_readable(search, f"the job of trial {request.trial}")


def attach(launcher: AsyncLauncher, job: Job, request: JobRequest) -> JobHandle | None:
    """The job of a running trial; None if its files are those of another sweep's job by now."""
    from ax_moo_launchers.submitted_jobs import is_anothers

    def take_up() -> JobHandle | None:
        return None if is_anothers(job, request) else launcher.attach(job)

    return _until_readable(take_up, f"job {job.job_id}")


def _until_readable(search: Callable[[], T], job_name: str) -> T:
    """The result of ``search``, which is called again while it raises OSError.

    The sweep must not go on before it knows whether the job runs: it would submit the job twice.
    """
    is_said = False
    while True:
        try:
            return search()
        except OSError as error:
            if not is_said:
                log.warning(
                    "Paused: the files of %s cannot be read (%s); the sweep goes on as soon as they can",
                    job_name,
                    error,
                )
            is_said = True
            time.sleep(TRY_AGAIN_SECONDS)
