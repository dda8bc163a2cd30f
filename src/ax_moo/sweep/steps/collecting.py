"""Collects the results of jobs that have ended."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from ax_moo.jobs.launcher import JobState
from ax_moo.problem.problem import Problem
from ax_moo.sweep.course import Course
from ax_moo.sweep.steps.evaluation import next_state
from ax_moo.trial import Trial, TrialStatus

log = logging.getLogger(__name__)

T = TypeVar("T")


class Collector:
    """Gives each trial whose job has ended its next state, and tells the optimizer of it."""

    def __init__(self, course: Course, problem: Problem, retries: int) -> None:
        self._course = course
        self._problem = problem
        self._retries = retries
        self._errors: dict[int, str] = {}

    def collect(self, numbers: Sequence[int]) -> None:
        """Collect the results of those of these trials whose jobs have ended."""
        running = [index for index in numbers if index in self._course.handles]
        ended = [(index, state) for index in running if (state := self._ended(index))]
        for position, (index, state) in enumerate(ended, start=1):
            trial = self._read(index, partial(self._next_state, index, state))
            if trial is not None:
                self._errors.pop(index, None)
                self._enter(trial, also_ended=[later for later, _ in ended[position:]])

    def _ended(self, index: int) -> JobState | None:
        """The state in which a trial's job has ended; None as long as it has not."""
        state = self._read(index, self._course.handles[index].state)
        if state is None or state.has_ended:
            return state
        self._errors.pop(index, None)
        return None

    def _next_state(self, index: int, state: JobState) -> Trial:
        course = self._course
        trial, handle, outcome = course.trials[index], course.handles[index], course.trials.outcome
        return next_state(trial, handle, state, self._problem, outcome, self._retries, course.clock())

    def _enter(self, trial: Trial, also_ended: Sequence[int]) -> None:
        del self._course.handles[trial.index]
        if trial.status is TrialStatus.STAGED:
            self._course.stage(trial, also_ended)
        else:
            self._course.enter(trial, also_ended)
            self._course.background.tell(trial)

    def _read(self, index: int, read: Callable[[], T]) -> T | None:
        """What ``read`` returns about a trial's job, or None where it fails."""
        try:
            return read()
        except Exception as error:
            # A network file system may fail for a moment; the next round tries again.
            self._warn(index, error)
            return None

    def _warn(self, index: int, error: Exception) -> None:
        """Warn once for each reason: the sweep waits without limit for a job whose state cannot be read."""
        level = logging.DEBUG if self._errors.get(index) == repr(error) else logging.WARNING
        self._errors[index] = repr(error)
        log.log(level, "The state of trial %d's job cannot be read, the sweep tries again: %r", index, error)
