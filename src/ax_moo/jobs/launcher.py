"""The AsyncLauncher protocol: what a sweep needs of a launcher and of its jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from ax_moo.system import hydra_internals
from ax_moo.system.text import error_line, one_line
from ax_moo.trial import Fault, Job


class JobState(StrEnum):
    """PENDING -> RUNNING -> FINISHED (a result was written) | LOST (the job ended without a result)."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    LOST = "LOST"

    @property
    def has_ended(self) -> bool:
        return self in (JobState.FINISHED, JobState.LOST)


@dataclass(frozen=True)
class JobRequest:
    """A job to be submitted: the number of its trial, its task overrides, and the number of the attempt.

    Attempts are counted from 1. Each attempt has its own files, so that it is never taken for another one. ``sweep`` is
    the id of the sweep: two sweeps may keep the files of their jobs in one folder, and both have a trial 0. It is empty
    for a job of another sweeper. ``exclude`` are nodes that the job should avoid where the launcher can do that, the
    one that it may use first in front; ``faults`` say what ended the trial's earlier attempts. The first ``common`` of
    the overrides are not the trial's own: all trials have them, and they may change when the sweep is resumed.
    """

    trial: int
    overrides: tuple[str, ...]
    attempt: int = 1
    sweep: str = ""
    exclude: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    common: int = 0

    @property
    def own_overrides(self) -> tuple[str, ...]:
        """The overrides that are this trial's parameterization."""
        return self.overrides[self.common :]


@dataclass(frozen=True)
class JobResult:
    """The result of a job that has ended: the task function's return value, or why there is none.

    ``error`` is one line for people: the exception's type and message, or what the scheduler says about a lost job.
    ``fault`` says of a lost job what ended it, if the launcher knows, and ``node`` where in a cluster it ran.
    """

    value: Any = None
    error: str | None = None
    fault: Fault | None = None
    node: str = ""


def result_of(job_return: Any) -> JobResult:
    """The JobResult for a ``hydra.core.utils.JobReturn``, whose own ``return_value`` raises the job's error."""
    value = hydra_internals.returned(job_return)
    if job_return.status.name == "COMPLETED":
        return JobResult(value=value)
    line = getattr(job_return, "error_line", None)
    if line is None:
        line = error_line(value) if isinstance(value, BaseException) else f"Hydra returned {job_return.status}"
    return JobResult(error=one_line(line))


class JobHandle(Protocol):
    """One submitted job. No method blocks for longer than one query to the scheduler."""

    @property
    def job(self) -> Job: ...

    def state(self) -> JobState: ...

    def result(self) -> JobResult:
        """The result of a job that is FINISHED or LOST; this never waits."""
        ...

    def cancel(self) -> None:
        """Ask the job to end; it has ended when ``state`` returns FINISHED or LOST."""
        ...


@runtime_checkable
class ShowsItsResult(Protocol):
    """A handle that can tell at hardly any cost that a look at its state is worth it, so that no poll is waited for."""

    def may_have_ended(self) -> bool:
        """Whether a result has appeared since the last call; this is called many times a second."""
        ...


@runtime_checkable
class AsyncLauncher(Protocol):
    """A Hydra launcher that submits jobs without waiting for them.

    ``is_blocking`` is True for a launcher that cannot take a job before all jobs of the last ``submit`` have ended.
    ``max_jobs`` is how many jobs it can run at once; None means that there is no limit.
    """

    is_blocking: bool
    max_jobs: int | None

    def check(self) -> None:
        """Raise a ConfigError if the launcher's settings are wrong, before anything is submitted."""
        ...

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        """Submit jobs, together if the scheduler can do that, and return handles in the order of the requests."""
        ...

    def attach(self, job: Job) -> JobHandle:
        """A handle for a job that an earlier process submitted, perhaps with a launcher of another kind."""
        ...

    def cancel_command(self, jobs: Sequence[Job]) -> str:
        """The shell command with which a user ends these jobs when no sweep runs."""
        ...

    def find(self, request: JobRequest) -> JobHandle | None:
        """The job of this request, if a process submitted it and died before it recorded the job's id; else None.

        The job's sweep, trial, attempt and own overrides must be those of the request: a job of another sweep, or of
        another parameterization, is never returned, and never ended.
        """
        ...


@runtime_checkable
class Prepares(Protocol):
    """A launcher that prepares something by which jobs begin sooner, such as a process with their imports."""

    def is_ready(self) -> bool:
        """Whether a job should be submitted now. The first question begins the preparation; it never blocks."""
        ...

    def close(self) -> None:
        """End what was prepared; the jobs live on. It is prepared again for another question."""
        ...


@runtime_checkable
class ChecksTrials(Protocol):
    """A launcher whose settings may depend on the trial's config, and that can tell before any job whether they fit."""

    def check_trials(self, overrides: Sequence[Sequence[str]]) -> None:
        """Raise a ConfigError if the settings would be wrong for a trial with such overrides."""
        ...


@runtime_checkable
class KeepsJobsReady(Protocol):
    """A launcher with jobs that belong to no trial: they wait for the next one."""

    def end_ready_jobs(self) -> None:
        """End the jobs that have no trial, because no more trials come."""
        ...


@runtime_checkable
class SubmitsTogether(Protocol):
    """A launcher for which one ``submit`` of several jobs costs no more than that of one, as a job array does."""

    submits_together: bool
