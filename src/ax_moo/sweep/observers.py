"""The interface for showing a sweep: an observer is called with each new state of a trial and returns nothing."""

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from ax_moo.problem.problem import Problem
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.trials import Trials
from ax_moo.trial import Trial, TrialStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """The state of a sweep at one moment; ``elapsed`` is in seconds.

    ``trials`` are those of the sweep itself, and change after the call. An observer that looks at all of them in every
    round makes the rounds of a long sweep slow.
    """

    trials: Collection[Trial]
    elapsed: float
    budget: Budget
    is_asking: bool

    def count(self, status: TrialStatus) -> int:
        if isinstance(self.trials, Trials):
            return self.trials.count(status)
        return sum(trial.status is status for trial in self.trials)

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the pace so far and ``timeout_hours``; None before the first trial has finished."""
        finished = sum(self.count(status) for status in TrialStatus if status.is_finished)
        if not finished:
            return None
        pace = self.elapsed / finished * (self.budget.n_trials - finished)
        limit = self.budget.seconds_left(self.elapsed)
        return pace if limit is None else min(pace, limit)


class Observer(Protocol):
    """The loop calls these methods, so each has to return at once. ``close`` is called however the sweep ends."""

    def open(self, problem: Problem, trials: Sequence[Trial]) -> None:
        """``trials`` are those of earlier runs of the sweep, in their last states."""
        ...

    def on_trial_state(self, trial: Trial) -> None:
        """Called with a trial that has entered a new state."""
        ...

    def on_poll(self, progress: Progress) -> None:
        """Called in every round of the loop, several times a second."""
        ...

    def close(self) -> None: ...


class Observers:
    """The observers of one sweep. An observer that raises is closed and no longer called.

    A terminal that is gone must not end the sweep, nor change how it ends.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = list(observers)

    def tell(self, call: Callable[[Observer], None]) -> None:
        for observer in list(self._observers):
            try:
                call(observer)
            except Exception:
                self._observers.remove(observer)
                log.exception("An observer failed; it no longer shows the sweep's progress")
                with suppress(Exception):
                    observer.close()

    def close(self) -> None:
        for observer in self._observers:
            try:
                observer.close()
            except Exception:
                log.debug("An observer did not close", exc_info=True)
