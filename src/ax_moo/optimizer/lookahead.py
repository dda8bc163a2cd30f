"""Decides how many candidates are prepared while all slots are busy; without any, a free slot waits for its own."""

import statistics
from collections import deque
from collections.abc import Sequence

from ax_moo.optimizer.base import MODEL_NODE, Lookahead, Method
from ax_moo.trial import Trial, TrialStatus

LEAST_RESULTS = 50
"""Up to so many results a fresh candidate may cost a slot a fiftieth of a trial, and no more."""

FIRST_FIT_SECONDS = 1.0
"""What a candidate of the model costs, as long as there has been none."""

_RECENT_CANDIDATES = 5
_RECENT_TRIALS = 20


class LookaheadRule:
    """Compares what a slot loses while it waits for a candidate with what the candidate gains by one more result.

    A candidate that is prepared ahead does not know the result that frees its slot. Among n results one is worth about
    an n-th of a trial, so the wait pays while ``seconds of a candidate <= seconds of a trial / n``. The second limit, a
    fiftieth of a trial, keeps the slots busy for 98 % of the time also when n is small.

    With one candidate ahead a slot waits only if it becomes free while the next one is computed. Slots become free
    every ``d / slots`` seconds. If they do so independently, the wait is ``t ** 2 * slots / (2 * d)`` seconds on
    average, with *t* the seconds of a candidate, as long as these are few. A second one is prepared where this is more
    than a result is worth. Where ``t`` is more than ``d / slots`` the optimizer does not keep up: no candidate would be
    ready earlier, and a second one only knows less.
    """

    def __init__(self, setting: Lookahead, method: Method, slots: int) -> None:
        self._setting = setting
        self._method = method
        self._slots = slots
        self._finished = 0
        self._left_behind: set[int] = set()
        self._durations: deque[float] = deque(maxlen=_RECENT_TRIALS)
        self._seconds: deque[float] = deque(maxlen=_RECENT_CANDIDATES)

    def note(self, trial: Trial) -> None:
        """Note the new state of a trial."""
        if trial.status.is_finished:
            self._finished += 1
            if trial.index not in self._left_behind and (seconds := _seconds(trial)) is not None:
                self._durations.append(max(0.0, seconds))
        elif trial.status is TrialStatus.RUNNING:
            self._left_behind.discard(trial.index)
        if trial.status is TrialStatus.STAGED and not trial.previous_attempts:
            self._note_candidate(trial)

    def note_previous(self, trials: Sequence[Trial]) -> None:
        """Note the trials of earlier runs, given in the order of their last states.

        How long those ran that ended while no sweeper was there is not known: no duration contains a night without one.
        """
        if any(trial.run_seconds is not None for trial in trials):  # else an earlier version has run them
            self._left_behind = {trial.index for trial in trials if trial.run_seconds is None}
        for trial in trials:
            if trial.status.is_finished:
                self.note(trial)
        self._left_behind |= {trial.index for trial in trials if trial.status is TrialStatus.RUNNING}
        for trial in sorted(trials, key=lambda trial: trial.index):
            self._note_candidate(trial)

    def _note_candidate(self, trial: Trial) -> None:
        if trial.generation_seconds is not None and trial.generation_node == MODEL_NODE:
            self._seconds.append(trial.generation_seconds)

    @property
    def trial_seconds(self) -> float | None:
        """The median duration of the trials that finished last; None where none has."""
        return statistics.median(self._durations) if self._durations else None

    @property
    def ahead(self) -> int:
        """How many candidates are to be prepared before a slot is free for them: none, one or two."""
        if self._setting is not Lookahead.AUTO:
            return int(self._setting)
        duration = self.trial_seconds
        if duration is None or not self._method.has_model:
            return 1  # no result could change the candidate
        worth = duration / max(self._finished, LEAST_RESULTS)
        if not self._seconds:
            return int(worth < FIRST_FIT_SECONDS)
        seconds = statistics.median(self._seconds)
        if seconds <= worth:
            return 0
        keeps_up = seconds * self._slots <= duration
        return 1 + (keeps_up and seconds**2 * self._slots > 2 * duration * worth)


def _seconds(trial: Trial) -> float | None:
    if trial.run_seconds is not None or trial.start_time is None:
        return trial.run_seconds
    return trial.time - trial.start_time
