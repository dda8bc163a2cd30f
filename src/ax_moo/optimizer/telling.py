"""Tells an optimizer of trials. One that it does not take never ends a sweep, nor the resume of one."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from ax_moo.system.text import error_line
from ax_moo.trial import Trial

log = logging.getLogger(__name__)


class TakesTrials(Protocol):
    def tell(self, trial: Trial) -> None: ...

    def accept(self, trial: Trial) -> None: ...


class Telling:
    """Logs what an optimizer does not take, and goes on without it: the journal has it.

    The log has one warning for each kind of error. An optimizer that is replayed ignores the same trials as the one
    that was told of them while they ran.
    """

    def __init__(self, optimizer: TakesTrials) -> None:
        self._optimizer = optimizer
        self._logged: set[tuple[str, type[Exception]]] = set()

    def accept(self, trial: Trial) -> None:
        self._try(self._optimizer.accept, trial, "the candidate")

    def tell(self, trial: Trial) -> None:
        self._try(self._optimizer.tell, trial, "the outcome")

    def replay(self, trials: Iterable[Trial]) -> None:
        """Tell of trials in their last states, which are given in the order of their completions."""
        trials = list(trials)
        for trial in sorted(trials, key=lambda trial: trial.index):
            self.accept(trial)
        for trial in trials:
            if trial.status.is_finished:
                self.tell(trial)

    def _try(self, take: Callable[[Trial], None], trial: Trial, what: str) -> None:
        try:
            take(trial)
        except Exception as error:
            kind = (what, type(error))
            level = logging.DEBUG if kind in self._logged else logging.WARNING
            self._logged.add(kind)
            message = "Ax did not take %s of trial %d (%s); the sweep goes on without it in the model"
            log.log(level, message, what, trial.index, error_line(error), exc_info=True)
