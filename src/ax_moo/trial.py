"""The vocabulary of a sweep: Trial, CompletedTrial, TrialStatus, Job, Outcome."""

import dataclasses
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

ParameterValue: TypeAlias = Any
"""What JSON can hold: None, bool, int, float, str, and lists and string-keyed mappings of these."""

Parameterization: TypeAlias = Mapping[str, ParameterValue]
Measured: TypeAlias = float | tuple[float, float]
"""A mean, or a mean with its standard error (SEM)."""

Outcome: TypeAlias = Mapping[str, Measured]


class TrialStatus(StrEnum):
    """Where a trial is in its life.

    ::

        STAGED -> RUNNING -> COMPLETED | FAILED | EARLY_STOPPED | ABANDONED
          ^---------'  its job was lost, and the trial gets another attempt
    """

    STAGED = "STAGED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    EARLY_STOPPED = "EARLY_STOPPED"
    ABANDONED = "ABANDONED"

    @property
    def is_finished(self) -> bool:
        return self not in (TrialStatus.STAGED, TrialStatus.RUNNING)


@dataclass(frozen=True)
class Job:
    """What is needed to find a job again after a restart: the scheduler's id and the job's own submitit folder.

    ``scheduler`` is whose id it is: ``local`` or ``slurm``; nothing for a job that ran inside the sweeper.
    """

    job_id: str
    folder: str
    scheduler: str = ""


@dataclass(frozen=True)
class Attempt:
    """An attempt at a trial whose job came to nothing; ``counts`` is False where neither job nor machine was to blame.

    A cancelled attempt, for one, uses up none of the trial's retries.
    """

    job: Job
    reason: str
    counts: bool = True


@dataclass(frozen=True)
class Trial:
    """One candidate and what became of it; immutable, so that every new state is a new object.

    ``time`` and ``start_time`` are seconds since the epoch: of this state, and of the trial's first RUNNING state.
    ``arm`` holds the optimizer's own coordinates where they differ from the parameterization, and
    ``generation_seconds`` how long it took the optimizer to propose them.
    """

    index: int
    parameterization: Parameterization
    status: TrialStatus = TrialStatus.STAGED
    generation_node: str = ""
    generation_seconds: float | None = None
    arm: Parameterization | None = None
    job: Job | None = None
    previous_attempts: tuple[Attempt, ...] = ()
    outcome: Outcome | None = None
    reason: str | None = None
    time: float = dataclasses.field(default_factory=time.time)
    start_time: float | None = None

    def to(self, status: TrialStatus, **changes: Any) -> "Trial":
        """This trial in a new state, entered now."""
        now = changes.pop("time", time.time())
        if status is TrialStatus.RUNNING and self.start_time is None:
            changes.setdefault("start_time", now)
        return dataclasses.replace(self, status=status, time=now, **changes)

    def retry(self, reason: str, counts: bool = True, **changes: Any) -> "Trial":
        """This trial staged for another attempt, since its job came to nothing."""
        if self.job is None:
            raise ValueError(f"trial {self.index} has no job that could have been lost")
        lost = Attempt(self.job, reason, counts)
        return self.to(
            TrialStatus.STAGED, job=None, reason=None, previous_attempts=(*self.previous_attempts, lost), **changes
        )

    @property
    def attempt(self) -> int:
        """The number of the attempt that is staged or running, or was the last; the first is 1."""
        return len(self.previous_attempts) + 1

    @property
    def retries_used(self) -> int:
        return sum(attempt.counts for attempt in self.previous_attempts)

    @property
    def end_time(self) -> float | None:
        return self.time if self.status.is_finished else None


@dataclass(frozen=True)
class CompletedTrial(Trial):
    """A trial that has an outcome; another cannot be one."""

    status: TrialStatus = TrialStatus.COMPLETED
    outcome: Outcome = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status is not TrialStatus.COMPLETED or not self.outcome:
            raise ValueError(f"trial {self.index} is {self.status} and has {self.outcome or 'no outcome'}")

    @classmethod
    def of(cls, trial: Trial) -> "CompletedTrial | None":
        """The trial as one that has completed; None for one that has not."""
        return cls(**vars(trial)) if trial.status is TrialStatus.COMPLETED and trial.outcome else None


def completed(trials: Iterable[Trial]) -> list[CompletedTrial]:
    """Those of the trials that have completed, in their order."""
    return [trial for trial in map(CompletedTrial.of, trials) if trial is not None]
