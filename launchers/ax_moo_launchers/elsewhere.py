"""Jobs that run in another folder than the one that names them: whoever ends a sweep's jobs leaves those alone."""

from collections.abc import Iterable
from pathlib import Path

import psutil

from ax_moo.system.disk import is_same_folder
from ax_moo.trial import Job
from ax_moo_launchers.attach import has_id, is_local
from ax_moo_launchers.files import has_pickle, is_carried
from ax_moo_launchers.local.controller import CONTROLLER
from ax_moo_launchers.slurm.commands import output_folders


def running_elsewhere(jobs: Iterable[Job]) -> dict[Job, Path]:
    """The folder in which each of these jobs really runs, if it is not the job's.

    A sweep folder that was moved while its jobs run has taken their files with it: there is no pickle where they run.
    """
    own = [job for job in jobs if job.folder and has_id(job) and not is_carried(job.job_id)]
    logs = output_folders() if any(not is_local(job) for job in own) else {}
    found = {job: _folder_of_process(job.job_id) if is_local(job) else logs.get(job.job_id) for job in own}
    return {job: Path(folder) for job, folder in found.items() if folder and _is_others(job, Path(folder))}


def _is_others(job: Job, folder: Path) -> bool:
    return not is_same_folder(folder, Path(job.folder)) and has_pickle(folder, job.job_id)


def _folder_of_process(pid: str) -> str | None:
    """The folder of the job whose controller has this pid."""
    try:
        words = psutil.Process(int(pid)).cmdline()
        return words[words.index(CONTROLLER) + 1]
    except (psutil.Error, ValueError, IndexError):
        return None
