"""The port between a sweep and whatever runs its jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from ax_moo.system import hydra_internals
from ax_moo.system.text import error_line, one_line
from ax_moo.trial import Job


class JobState(StrEnum):
    """PENDING -> RUNNING -> FINISHED (a result was written) | LOST (ended, and no result came)."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    LOST = "LOST"


@dataclass(frozen=True)
class JobRequest:
    """A job to be submitted: the trial it belongs to, the task overrides it runs with, and which attempt it is.

    Attempts are counted from 1. Each has files of its own, so that a later one is never taken for an earlier one.
    """

    trial: int
    overrides: tuple[str, ...]
    attempt: int = 1


@dataclass(frozen=True)
class JobResult:
    """What a job that ended left behind: the task function's return value, or why there is none.

    ``error`` is one line for people: the exception's type and message, or what the scheduler says of a lost job.
    """

    value: Any = None
    error: str | None = None


def result_of(job_return: Any) -> JobResult:
    """The JobResult of a ``hydra.core.utils.JobReturn``, whose own ``return_value`` raises the job's error."""
    value = hydra_internals.returned(job_return)
    if job_return.status.name == "COMPLETED":
        return JobResult(value=value)
    line = getattr(job_return, "error_line", None)
    if line is None:
        line = error_line(value) if isinstance(value, BaseException) else f"Hydra returned {job_return.status}"
    return JobResult(error=one_line(line))


class JobHandle(Protocol):
    """One submitted job. No method blocks for longer than one question to the scheduler takes."""

    @property
    def job(self) -> Job: ...

    def state(self) -> JobState: ...

    def result(self) -> JobResult:
        """For a job that is FINISHED or LOST; never waits."""
        ...

    def cancel(self) -> None:
        """Ask the job to end; it is gone when ``state`` says FINISHED or LOST."""
        ...


@runtime_checkable
class AsyncLauncher(Protocol):
    """A Hydra launcher that does not wait.

    ``is_blocking`` is True for a launcher that cannot take a job before all jobs of the last ``submit`` have ended.
    ``max_jobs`` is how many jobs it can run at once; None for as many as it is given.
    """

    is_blocking: bool
    max_jobs: int | None

    def check(self) -> None:
        """Find what is wrong with the launcher's settings before anything is submitted; raises ConfigError."""
        ...

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        """Hand jobs over, in one call where the scheduler can take them so; handles in the order of the requests."""
        ...

    def attach(self, job: Job) -> JobHandle:
        """A handle of a job that an earlier process submitted, perhaps by a launcher of another kind."""
        ...

    def cancel_command(self, jobs: Sequence[Job]) -> str:
        """What a user types to end these jobs when the sweep is not there to do it."""
        ...

    def find(self, trial: int, attempt: int = 1) -> JobHandle | None:
        """The job of this attempt at a trial, if one was submitted by a process that died before noting its id."""
        ...
