"""The trials of a running sweep: which are staged, which run as which jobs, and whether there will be more."""

import dataclasses
import logging
from collections.abc import Callable, Sequence

from ax_moo.jobs.launcher import JobHandle
from ax_moo.optimizer.background import BackgroundOptimizer
from ax_moo.optimizer.lookahead import LookaheadRule
from ax_moo.storage.base import StorageWriter
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.improvement import Improvement
from ax_moo.sweep.observers import Observers
from ax_moo.sweep.state import Cause, LoopState, Open, Reason, closed, with_no_new_trials
from ax_moo.sweep.trials import Trials
from ax_moo.system import disk
from ax_moo.system.redaction import message_without_secrets
from ax_moo.trial import Trial, TrialStatus

log = logging.getLogger(__name__)


class Course:
    """The one place where a trial enters a new state, which is in the journal before the sweep acts on it.

    ``journal`` and ``background`` are given when the sweep begins to run, and ``started`` is when its first run began.
    """

    journal: StorageWriter
    background: BackgroundOptimizer
    started: float

    def __init__(
        self,
        slots: int,
        budget: Budget,
        clock: Callable[[], float],
        lookahead: LookaheadRule,
        improvement: Improvement,
        observers: Observers,
    ) -> None:
        self.slots = slots
        self.budget = budget
        self.clock = clock
        self.lookahead = lookahead
        self.improvement = improvement
        self.observers = observers
        self.trials = Trials()
        self.handles: dict[int, JobHandle] = {}
        self.staged: list[Trial] = []
        self._begun: dict[int, float] = {}
        self.state: LoopState = Open()

    @property
    def elapsed(self) -> float:
        return self.clock() - self.started

    @property
    def has_submitted(self) -> bool:
        """Whether any run of this sweep has ever submitted a job."""
        return bool(self.handles) or self.trials.has_had_job

    @property
    def free_slots(self) -> int:
        return max(0, self.slots - len(self.handles))

    @property
    def lacks_trials(self) -> bool:
        """Whether a slot is free for which no trial is staged."""
        return self.slots - len(self.handles) > len(self.staged)

    @property
    def wants_trials(self) -> bool:
        """Whether the sweep may have one more trial, in a slot that is free or in the next one."""
        return self.slots - len(self.handles) >= len(self.staged) and self.may_begin_trials

    @property
    def may_begin_trials(self) -> bool:
        return isinstance(self.state, Open) and self.budget.remaining(self.trials) > 0

    def stage(self, trial: Trial, also_ended: Sequence[int] = ()) -> None:
        """Let the trial wait for a slot."""
        self.enter(trial, also_ended)
        self.staged = sorted([*self.staged, trial], key=lambda each: each.index)

    def run(self, trial: Trial, handle: JobHandle) -> None:
        """Note that the trial runs as this job."""
        self.handles[trial.index] = handle
        running = trial.to(TrialStatus.RUNNING, job=handle.job, time=self.clock())
        self._begun[trial.index] = running.time
        self.enter(running)

    def enter(self, trial: Trial, also_ended: Sequence[int] = ()) -> None:
        """Record a trial's new state: first in the journal, then in memory, then with the observers."""
        trial = _without_secrets(trial)
        trial = dataclasses.replace(trial, next_knows=self.background.knows, also_ended=tuple(also_ended))
        if trial.status.is_finished and trial.index in self._begun:
            trial = dataclasses.replace(trial, run_seconds=round(trial.time - self._begun.pop(trial.index), 3))
        disk.until_written(lambda: self.journal.record(trial), self.journal.path)
        self.trials.enter(trial)
        self.lookahead.note(trial)
        self.improvement.note(trial)
        self.observers.tell(lambda observer: observer.on_trial_state(trial))

    def stop_new_trials(self, cause: Cause, why: str) -> None:
        reason = Reason(cause, why)
        self._set_state(with_no_new_trials(self.state, reason), reason)

    def close(self, cause: Cause, why: str) -> None:
        reason = Reason(cause, why)
        self._set_state(closed(self.state, reason), reason)

    def _set_state(self, state: LoopState, reason: Reason) -> None:
        if state != self.state:
            running = f"; {len(self.handles)} still running" if self.handles else ""
            log.info("No new trials: %s%s", reason.words, running)
        self.state = state


def _without_secrets(trial: Trial) -> Trial:
    """The trial with reasons that anybody may read: an exception may quote a password of the config."""
    attempts = tuple(
        dataclasses.replace(each, reason=message_without_secrets(each.reason)) for each in trial.previous_attempts
    )
    reason = trial.reason and message_without_secrets(trial.reason)
    return dataclasses.replace(trial, reason=reason, previous_attempts=attempts)
