"""What a sweep has come to when it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from ax_moo.sweep.state import Reason
from ax_moo.trial import Trial, TrialStatus


@dataclass(frozen=True)
class SweepResult:
    """The end of a sweep: every trial in its last state, and the reason why no more were started."""

    trials: Sequence[Trial]
    reason: Reason

    @property
    def stop_reason(self) -> str:
        return self.reason.words

    @property
    def stopped(self) -> bool:
        return self.reason.cause.is_asked_for

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        completed = any(trial.status is TrialStatus.COMPLETED for trial in self.trials)
        return self.reason.cause.exit_code or (0 if completed else 1)
