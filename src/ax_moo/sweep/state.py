"""The states of a sweep's loop: open, no new trials, or closed, with the reason for it."""

from dataclasses import dataclass
from enum import Enum, auto


class Cause(Enum):
    """Why a sweep starts no more trials, or why its process ends."""

    BUDGET_USED = auto()
    SPACE_EXHAUSTED = auto()
    TIME_IS_UP = auto()
    NO_IMPROVEMENT = auto()
    TOO_MANY_FAILURES = auto()
    OPTIMIZER_FAILED = auto()
    NO_CANDIDATE = auto()
    NO_JOB_TAKEN = auto()
    CANNOT_WRITE = auto()
    REPLACED = auto()
    STOP_ASKED = auto()
    INTERRUPTED = auto()
    TERMINATED = auto()

    @property
    def exit_code(self) -> int:
        """0 for an end that the config sets, 130 for one that a user or the system asked for, and 1 for any other."""
        if self.is_set_by_config:
            return 0
        return INTERRUPTED if self.is_asked_for else 1

    @property
    def is_over(self) -> bool:
        """Whether the same command finds nothing left to do: what the config allows is used up."""
        return self.is_set_by_config or self is Cause.TOO_MANY_FAILURES

    @property
    def is_set_by_config(self) -> bool:
        return self in (Cause.BUDGET_USED, Cause.SPACE_EXHAUSTED, Cause.TIME_IS_UP, Cause.NO_IMPROVEMENT)

    @property
    def is_asked_for(self) -> bool:
        return self in (Cause.STOP_ASKED, Cause.INTERRUPTED, Cause.TERMINATED)


INTERRUPTED = 130


@dataclass(frozen=True)
class Reason:
    """A cause, and its description for the user."""

    cause: Cause
    words: str


@dataclass(frozen=True)
class Open:
    """The loop asks for new candidates as slots become free."""


@dataclass(frozen=True)
class NoNewTrials:
    """Staged trials still start, and running ones may still get another attempt."""

    reason: Reason


@dataclass(frozen=True)
class Closed:
    """No job starts; staged trials wait for a resume."""

    reason: Reason


LoopState = Open | NoNewTrials | Closed


def with_no_new_trials(state: LoopState, reason: Reason) -> LoopState:
    """The state after a reason for no new trials; a state that already has a reason stays as it is."""
    return NoNewTrials(reason) if isinstance(state, Open) else state


def closed(state: LoopState, reason: Reason) -> Closed:
    """Closed, with the reason that has the higher exit code.

    Between equal codes the new reason replaces that of NoNewTrials, and leaves that of Closed.
    """
    if isinstance(state, Open) or reason.cause.exit_code > state.reason.cause.exit_code:
        return Closed(reason)
    if isinstance(state, NoNewTrials) and reason.cause.exit_code == state.reason.cause.exit_code:
        return Closed(reason)
    return Closed(state.reason)
