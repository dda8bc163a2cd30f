"""Jobs that only have an end, and the launcher that says when it has come."""

from collections.abc import Sequence
from dataclasses import dataclass

from ax_moo.jobs.launcher import JobHandle, JobRequest, JobResult, JobState
from ax_moo.trial import Job


@dataclass
class SimulatedJob:
    """A subclass says when the job has ended, and with which result."""

    request: JobRequest

    @property
    def job(self) -> Job:
        return Job(f"simulated-{self.request.trial}", f"/simulated/{self.request.trial}")

    def has_ended(self) -> bool:
        raise NotImplementedError

    def state(self) -> JobState:
        return JobState.FINISHED if self.has_ended() else JobState.RUNNING

    def result(self) -> JobResult:
        raise NotImplementedError

    def cancel(self) -> None:
        raise NotImplementedError


class SimulatedLauncher:
    """A subclass submits the jobs. No earlier process has left any."""

    is_blocking = False
    max_jobs: int | None = None

    def check(self) -> None: ...

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        raise NotImplementedError

    def attach(self, job: Job) -> JobHandle:
        raise NotImplementedError

    def find(self, request: JobRequest) -> JobHandle | None:
        return None

    def cancel_command(self, jobs: Sequence[Job]) -> str:
        return ""
