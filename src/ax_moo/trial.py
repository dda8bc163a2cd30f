"""The types that describe one trial of a sweep: Trial, CompletedTrial, TrialStatus, Attempt, Fault, Job, Outcome."""

import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
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
    """The state of a trial, with the transitions that there are.

    ::

        STAGED -> RUNNING -> COMPLETED | FAILED | EARLY_STOPPED | ABANDONED
          ^---------'  the job was lost, and the trial gets another attempt
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
    """A job by value, so that a restarted sweep finds it again: its id and its own submitit folder.

    ``scheduler`` says who gave the id: ``local`` or ``slurm``. It is empty for a job that ran inside the sweeper.
    ``request`` are the resources that were requested for it, where they may differ from other jobs'.
    """

    job_id: str
    folder: str
    scheduler: str = ""
    request: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False)


class Fault(StrEnum):
    """What ended a job without a result, where the sweep's next step depends on it."""

    PREEMPTED = "preempted"
    """The scheduler or an administrator took the job's place away, or it never began."""
    NODE_FAILED = "node failed"
    DIED_AT_START = "died at start"
    """It died within seconds, as every job does on a node that lacks something; it may be the trial's own fault."""
    OUT_OF_MEMORY = "out of memory"
    TIME_LIMIT = "time limit"

    @property
    def is_nobodys(self) -> bool:
        """Whether neither the trial nor its resources are to blame, so that the attempt uses up no retry."""
        return self in (Fault.PREEMPTED, Fault.NODE_FAILED)

    @property
    def is_suspicious(self) -> bool:
        """Whether the node may be to blame, so that its next jobs may end in the same way."""
        return self in (Fault.NODE_FAILED, Fault.DIED_AT_START)

    @classmethod
    def of(cls, word: object) -> "Fault | None":
        """The fault of this name; None for a name of a later version."""
        return next((fault for fault in cls if fault == word), None)


@dataclass(frozen=True)
class Attempt:
    """An attempt at a trial that ended without a result.

    ``counts`` says whether it uses up one of the trial's retries. A cancelled attempt, for example, does not.
    ``node`` is the cluster's node on which it ran, where that is known, and ``time`` is when it was found to be lost.
    """

    job: Job
    reason: str
    counts: bool = True
    fault: Fault | None = None
    node: str = ""
    time: float | None = None


@dataclass(frozen=True)
class Trial:
    """One candidate and its result. A trial is immutable: every new state is a new object.

    ``time`` is when the trial entered this state, ``start_time`` when it first entered RUNNING, both in seconds since
    the epoch. ``arm`` holds the optimizer's own coordinates where they differ from the parameterization.
    ``generation_seconds`` is the time that the optimizer took to propose the candidate, ``knows`` the number of
    finished trials that it knew by then, and ``slot_wait_seconds`` how long a free slot had waited for the candidate.
    ``next_knows`` is ``knows`` of the next candidates that were asked for, and not used, when this state was entered.
    ``also_ended`` are the trials whose jobs were found ended in the same round, and whose new states come next.
    ``run_seconds`` is how long the last attempt of a finished trial ran, if one sweeper saw its begin and its end.
    ``model_failed`` is the reason why the candidate is a Sobol point although the model was to propose it.
    ``fault`` and ``node`` say of a failed trial what ended its last attempt, and where, if the job was lost.
    """

    index: int
    parameterization: Parameterization
    status: TrialStatus = TrialStatus.STAGED
    generation_node: str = ""
    generation_seconds: float | None = None
    knows: int | None = None
    slot_wait_seconds: float | None = None
    next_knows: tuple[int, ...] = ()
    also_ended: Sequence[int] = ()
    arm: Parameterization | None = None
    job: Job | None = None
    previous_attempts: tuple[Attempt, ...] = ()
    outcome: Outcome | None = None
    reason: str | None = None
    time: float = dataclasses.field(default_factory=time.time)
    start_time: float | None = None
    fault: Fault | None = None
    node: str | None = None
    model_failed: str | None = None
    run_seconds: float | None = None

    def to(self, status: TrialStatus, **changes: Any) -> "Trial":
        """This trial in a new state, entered now."""
        now = changes.pop("time", time.time())
        if status is TrialStatus.RUNNING and self.start_time is None:
            changes.setdefault("start_time", now)
        return dataclasses.replace(self, status=status, time=now, **changes)

    def retry(
        self, reason: str, counts: bool = True, fault: Fault | None = None, node: str = "", **changes: Any
    ) -> "Trial":
        """This trial staged for another attempt, after its job ended without a result."""
        if self.job is None:
            raise ValueError(f"trial {self.index} must have a job before it can be retried")
        now = changes.setdefault("time", time.time())
        lost = Attempt(self.job, reason, counts, fault, node, now)
        return self.to(
            TrialStatus.STAGED, job=None, reason=None, previous_attempts=(*self.previous_attempts, lost), **changes
        )

    @property
    def attempt(self) -> int:
        """The number of the current or last attempt; the first is 1."""
        return len(self.previous_attempts) + 1

    @property
    def retries_used(self) -> int:
        return sum(attempt.counts for attempt in self.previous_attempts)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What ended the earlier attempts, where it is known."""
        return tuple(attempt.fault for attempt in self.previous_attempts if attempt.fault is not None)

    @property
    def end_time(self) -> float | None:
        return self.time if self.status.is_finished else None


@dataclass(frozen=True)
class CompletedTrial(Trial):
    """A trial that is COMPLETED and has an outcome; the constructor refuses any other."""

    status: TrialStatus = TrialStatus.COMPLETED
    outcome: Outcome = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status is not TrialStatus.COMPLETED or not self.outcome:
            found = f"{self.status} with {self.outcome or 'no outcome'}"
            raise ValueError(f"trial {self.index} must be COMPLETED with an outcome, got {found}")

    @classmethod
    def of(cls, trial: Trial) -> "CompletedTrial | None":
        """The trial as a CompletedTrial, or None where it has not completed."""
        return cls(**vars(trial)) if trial.status is TrialStatus.COMPLETED and trial.outcome else None


def completed(trials: Iterable[Trial]) -> list[CompletedTrial]:
    """The completed ones among the trials, in the same order."""
    return [trial for trial in map(CompletedTrial.of, trials) if trial is not None]
