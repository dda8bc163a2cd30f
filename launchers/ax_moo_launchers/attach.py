"""Handles for jobs that an earlier process submitted; no launcher is needed to make them."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ax_moo.jobs.launcher import JobHandle, JobResult, JobState
from ax_moo.trial import Job
from ax_moo_launchers.carriers.ending import end_carriers
from ax_moo_launchers.carriers.handle import CarriedHandle
from ax_moo_launchers.files import LOCAL, SLURM, cancel_file, is_carried, is_id, process_file, result_file
from ax_moo_launchers.local.handle import LocalHandle
from ax_moo_launchers.slurm.handle import SlurmHandle
from ax_moo_launchers.slurm.watcher import SlurmWatcher

__all__ = ["EndedHandle", "attach", "attacher", "cancel_command", "end_carriers", "is_local", "jobs_without_result"]


class EndedHandle:
    """A job that ran inside a sweeper's process and ended with it."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def state(self) -> JobState:
        return JobState.LOST

    def result(self) -> JobResult:
        return JobResult(error="the job ran inside a sweeper that has ended")

    def cancel(self) -> None:
        """Do nothing: the job has ended."""


class UnknownHandle(EndedHandle):
    """A job whose id is none: whatever it names is not this sweep's."""

    def result(self) -> JobResult:
        return JobResult(error=f"its job has the id {self.job.job_id!r}, which no scheduler gives")


def has_id(job: Job) -> bool:
    return is_id(job.job_id, LOCAL if is_local(job) else SLURM)


def is_local(job: Job) -> bool:
    """Whether the job is a process of a machine, not a job of Slurm."""
    if job.scheduler:
        return job.scheduler == LOCAL
    return bool(job.folder) and process_file(Path(job.folder), job.job_id).exists()


def attach(job: Job, watcher: SlurmWatcher | None = None) -> JobHandle:
    """A handle for a job of any kind. Handles with the same watcher share their queries to Slurm."""
    if not job.folder:
        return EndedHandle(job)
    if not has_id(job):
        return UnknownHandle(job)
    if is_local(job):
        return LocalHandle(job)
    if is_carried(job.job_id):
        return CarriedHandle(job, watcher or SlurmWatcher())
    return SlurmHandle(job, watcher or SlurmWatcher())


def attacher() -> Callable[[Job], JobHandle]:
    """:func:`attach` for many jobs, whose handles share one query to Slurm."""
    watcher = SlurmWatcher()
    return lambda job: attach(job, watcher)


def cancel_command(jobs: Sequence[Job]) -> str:
    """The shell command with which a user ends these jobs, of whatever kind each is."""
    jobs = [job for job in jobs if not job.folder or has_id(job)]
    local = [job.job_id for job in jobs if is_local(job)]
    others = [job for job in jobs if job.folder and not is_local(job)]
    slurm = [job.job_id for job in others if not is_carried(job.job_id)]
    # The Slurm job of such a trial looks for this file, and goes on with other trials.
    asked = [str(cancel_file(Path(job.folder), job.job_id)) for job in others if is_carried(job.job_id)]
    # A local job is a process group: its controller, whose pid is the job's id, and the tasks, which ignore SIGTERM.
    kill = [f"kill -9 {' '.join(f'-{job_id}' for job_id in local)}"] if local else []
    scancel = [f"scancel {' '.join(slurm)}"] if slurm else []
    return "; ".join([*kill, *scancel, *([f"touch {shlex.join(asked)}"] if asked else [])])


def jobs_without_result(base: Path) -> Iterator[Job]:
    """The jobs with files below the folder that were submitted, by whatever sweep, and have written no result."""
    ending = "_submitted.pkl"
    for path in sorted(base.glob(f"**/*{ending}")):
        job_id = path.name.removesuffix(ending)
        if not result_file(path.parent, job_id).exists():
            yield Job(job_id, str(path.parent), LOCAL if process_file(path.parent, job_id).exists() else SLURM)
