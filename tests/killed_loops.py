"""Kills a sweep's loop in this process, and launchers whose jobs outlive it."""

from collections.abc import Sequence
from typing import Any

import pytest
from fakes import ScriptedLauncher, two_objectives

from ax_moo.jobs.launcher import JobRequest, JobState
from ax_moo.storage.journal import Journal
from ax_moo.trial import Trial


class Killed(BaseException):
    """Takes the place of kill -9: nothing of the sweep runs after it."""


def kill_at(patch: pytest.MonkeyPatch, event: int, before: bool) -> None:
    """Kill the sweep at its ``event``-th new state of a trial, before or after it is in the journal."""
    record, count = Journal.record, iter(range(10_000))

    def record_or_die(self: Journal, trial: Trial) -> None:
        number = next(count)
        if number == event and before:
            raise Killed
        record(self, trial)
        if number == event:
            raise Killed

    patch.setattr(Journal, "record", record_or_die)


class OldestEnds(ScriptedLauncher):
    """So many jobs end at a time, the oldest first, and only while all slots are taken: one order of completions."""

    def __init__(self, n_jobs: int, n_trials: int, at_once: int = 1) -> None:
        super().__init__(two_objectives)
        self._n_jobs, self._n_trials, self._at_once = n_jobs, n_trials, at_once
        self.ended: set[int] = set()

    def end_oldest(self) -> None:
        """Let the oldest job end although a slot is free, as while no sweeper runs."""
        self.ended |= set(sorted(self.requests.keys() - self.ended)[:1])

    def submit(self, requests: Sequence[JobRequest]) -> Any:
        handles = super().submit(requests)
        for handle in self.handles[-len(requests) :]:
            handle.state = lambda trial=handle.request.trial: self._state_of(trial)  # type: ignore[method-assign]
        return handles

    def _state_of(self, trial: int) -> JobState:
        running = sorted(self.requests.keys() - self.ended)
        all_out = len(self.requests) == self._n_trials
        if trial == min(running, default=-1) and (len(running) == self._n_jobs or all_out):
            self.ended |= set(running[: self._at_once])
        return JobState.FINISHED if trial in self.ended else JobState.RUNNING
