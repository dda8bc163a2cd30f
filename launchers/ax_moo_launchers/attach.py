"""Jobs of earlier processes, of whatever launcher; for this no launcher is needed."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ax_moo.jobs.launcher import JobHandle, JobResult, JobState
from ax_moo.trial import Job
from ax_moo_launchers.files import LOCAL, process_file
from ax_moo_launchers.local.handle import LocalHandle
from ax_moo_launchers.slurm.handle import SlurmHandle
from ax_moo_launchers.slurm.watcher import SlurmWatcher


class EndedHandle:
    """A job that ran inside a sweeper's process, and ended with it."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def state(self) -> JobState:
        return JobState.LOST

    def result(self) -> JobResult:
        return JobResult(error="it ran inside a sweep that has ended")

    def cancel(self) -> None:
        """Nothing to cancel."""


def is_local(job: Job) -> bool:
    """Whether it is a process of some machine's, not a job of Slurm's."""
    if job.scheduler:
        return job.scheduler == LOCAL
    return bool(job.folder) and process_file(Path(job.folder), job.job_id).exists()


def attach(job: Job, watcher: SlurmWatcher | None = None) -> JobHandle:
    """A handle of a job of any kind. Handles with the same watcher share their questions to Slurm."""
    if not job.folder:
        return EndedHandle(job)
    if is_local(job):
        return LocalHandle(job)
    return SlurmHandle(job, watcher or SlurmWatcher())


def attacher() -> Callable[[Job], JobHandle]:
    """:func:`attach` for many jobs: one question to Slurm about all of them."""
    watcher = SlurmWatcher()
    return lambda job: attach(job, watcher)


def cancel_command(jobs: Sequence[Job]) -> str:
    """What a user types to end these jobs, of whatever kind each is."""
    local = [job.job_id for job in jobs if is_local(job)]
    slurm = [job.job_id for job in jobs if job.folder and not is_local(job)]
    # A local job is a session: its controller, whose process id this is, and the tasks, which ignore SIGTERM.
    kill = [f"kill -9 {' '.join(f'-{job_id}' for job_id in local)}"] if local else []
    return "; ".join([*kill, *([f"scancel {' '.join(slurm)}"] if slurm else [])])
