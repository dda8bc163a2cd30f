"""The folders of jobs in the journal: relative to the sweep folder, so that they stay valid when that is moved."""

import dataclasses
import glob
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ax_moo.trial import Job, Trial


def relative(trial: Trial, sweep_folder: Path) -> Trial:
    """The trial as it is written: a job's folder outside of the sweep folder keeps its whole path."""

    def written(job: Job) -> str:
        path = Path(job.folder)
        return str(path.relative_to(sweep_folder)) if path.is_relative_to(sweep_folder) else job.folder

    return _with_folders(trial, written)


def resolved(trial: Trial, sweep_folder: Path, has_whole_paths: bool) -> Trial:
    """The trial as it is read. Earlier versions wrote whole paths, which a move of the sweep folder makes wrong."""

    def read(job: Job) -> str:
        path = sweep_folder / job.folder
        if has_whole_paths and not path.is_relative_to(sweep_folder) and not _has_files_of(job, path):
            path = _moved(job, sweep_folder) or path
        return str(path)

    return _with_folders(trial, read)


def _with_folders(trial: Trial, folder_of: Callable[[Job], str]) -> Trial:
    def changed(job: Job) -> Job:
        return dataclasses.replace(job, folder=folder_of(job)) if job.folder else job

    if trial.job is None and not trial.previous_attempts:
        return trial
    attempts = tuple(dataclasses.replace(each, job=changed(each.job)) for each in trial.previous_attempts)
    return dataclasses.replace(trial, job=trial.job and changed(trial.job), previous_attempts=attempts)


def _moved(job: Job, sweep_folder: Path) -> Path | None:
    """The folder below the sweep folder that ends as the job's folder did, and holds the job's files."""
    parts = Path(job.folder).parts
    ends = (sweep_folder.joinpath(*parts[begin:]) for begin in range(1, len(parts)))
    return next((path for path in ends if _has_files_of(job, path)), None)


def _has_files_of(job: Job, folder: Path) -> bool:
    with suppress(OSError):
        return any(folder.glob(f"{glob.escape(job.job_id)}_*"))
    return False
