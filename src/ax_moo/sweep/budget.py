"""The budget of a sweep: how many trials, how many hours, and how large a share of failures it may spend."""

from collections import Counter
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass

from ax_moo.jobs.logs import log_of
from ax_moo.trial import Trial, TrialStatus

FIRST_LOOK = 5
"""``max_failure_rate`` is checked once this many trials have finished."""


@dataclass(frozen=True)
class Budget:
    """The limits that the user's config sets."""

    n_trials: int
    timeout_hours: float | None = None
    max_failure_rate: float = 0.5

    def remaining(self, trials: Sized) -> int:
        """The number of trials that may still be staged."""
        return max(0, self.n_trials - len(trials))

    def is_out_of_time(self, seconds: float) -> bool:
        """Whether the time limit has passed after this many seconds of the sweep."""
        return self.timeout_hours is not None and seconds >= self.timeout_hours * 3600

    def seconds_left(self, seconds: float) -> float | None:
        return None if self.timeout_hours is None else max(0.0, self.timeout_hours * 3600 - seconds)

    def has_failed(self, trials: Sequence[Trial]) -> bool:
        """Whether more than ``max_failure_rate`` of the finished trials have failed by a fault of theirs."""
        finished = _finished(trials)
        return self.is_exceeded_by(sum(trial.status is TrialStatus.FAILED for trial in finished), len(finished))

    def is_exceeded_by(self, failed: int, finished: int) -> bool:
        """Whether so many failures among so many finished trials are more than ``max_failure_rate`` allows."""
        return finished >= FIRST_LOOK and failed > self.max_failure_rate * finished


def failure_sentence(trials: Iterable[Trial], max_failure_rate: float) -> str:
    """The message that too many trials have failed, with the most frequent reason and a log that shows it."""
    finished = _finished(trials)
    failed = [trial for trial in finished if trial.status is TrialStatus.FAILED]
    reason, times = Counter(trial.reason for trial in failed).most_common(1)[0]
    first = next(trial for trial in failed if trial.reason == reason)
    where = f"; see {log_of(first.job)}" if first.job and first.job.folder else ""
    return (
        f"{len(failed)} of {len(finished)} trials failed (max_failure_rate={max_failure_rate}),"
        f" {times} of them with: {reason}{where}"
    )


def _finished(trials: Iterable[Trial]) -> list[Trial]:
    """The finished trials, without those that failed by nobody's fault: they say nothing about the others."""
    return [trial for trial in trials if trial.status.is_finished and not (trial.fault and trial.fault.is_nobodys)]
