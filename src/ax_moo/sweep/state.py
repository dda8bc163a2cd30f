"""What a sweep's loop may still start, and why it starts no more."""

from dataclasses import dataclass
from enum import Enum, auto


class Cause(Enum):
    """What kept a sweep from starting more trials, or ended its process."""

    BUDGET_USED = auto()
    SPACE_EXHAUSTED = auto()
    TIME_IS_UP = auto()
    TOO_MANY_FAILURES = auto()
    OPTIMIZER_FAILED = auto()
    NO_CANDIDATE = auto()
    NO_JOB_TAKEN = auto()
    CANNOT_WRITE = auto()
    STOP_ASKED = auto()
    INTERRUPTED = auto()
    TERMINATED = auto()

    @property
    def exit_code(self) -> int:
        """0 for an end that the config asks for, 1 for one before it, and 130 where somebody asked for it meanwhile."""
        if self in (Cause.BUDGET_USED, Cause.SPACE_EXHAUSTED, Cause.TIME_IS_UP):
            return 0
        return INTERRUPTED if self.is_asked_for else 1

    @property
    def is_asked_for(self) -> bool:
        return self in (Cause.STOP_ASKED, Cause.INTERRUPTED, Cause.TERMINATED)


INTERRUPTED = 130


@dataclass(frozen=True)
class Reason:
    """A cause, and the words in which a user is told of it."""

    cause: Cause
    words: str


@dataclass(frozen=True)
class Open:
    """New trials are asked for as slots become free."""


@dataclass(frozen=True)
class NoNewTrials:
    """Trials that are staged still start, and those that run may be tried again."""

    reason: Reason


@dataclass(frozen=True)
class Closed:
    """No job starts any more; staged trials wait for a resume."""

    reason: Reason


LoopState = Open | NoNewTrials | Closed


def with_no_new_trials(state: LoopState, reason: Reason) -> LoopState:
    """The first reason stays."""
    return NoNewTrials(reason) if isinstance(state, Open) else state


def closed(state: LoopState, reason: Reason) -> Closed:
    """Closed for this reason, unless there is one that weighs more: what was asked for does not hide a failure."""
    if isinstance(state, Open) or reason.cause.exit_code > state.reason.cause.exit_code:
        return Closed(reason)
    if isinstance(state, NoNewTrials) and reason.cause.exit_code == state.reason.cause.exit_code:
        return Closed(reason)
    return Closed(state.reason)
