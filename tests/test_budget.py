import pytest

from ax_moo.sweep.budget import Budget
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.hydra_free


def _trials(completed: int, failed: int, running: int = 0) -> list[Trial]:
    statuses = [TrialStatus.COMPLETED] * completed + [TrialStatus.FAILED] * failed + [TrialStatus.RUNNING] * running
    return [Trial(i, {}, status) for i, status in enumerate(statuses)]


def test_every_trial_counts_failed_ones_too() -> None:
    assert Budget(10).remaining(_trials(3, 2, 1)) == 4
    assert Budget(3).remaining(_trials(3, 2)) == 0


def test_failures_are_looked_at_from_the_fifth_finished_trial_on() -> None:
    budget = Budget(10, max_failure_rate=0.5)
    assert not budget.has_failed(_trials(0, 4, running=3))
    assert budget.has_failed(_trials(0, 5))
    assert not budget.has_failed(_trials(3, 3))
    assert budget.has_failed(_trials(3, 4))


def test_a_rate_of_one_never_ends_a_sweep() -> None:
    assert not Budget(100, max_failure_rate=1.0).has_failed(_trials(0, 50))


def test_time_is_up_at_timeout_hours_and_never_without() -> None:
    assert not Budget(10, timeout_hours=0.5).is_out_of_time(1799.9)
    assert Budget(10, timeout_hours=0.5).is_out_of_time(1800.0)
    assert not Budget(10).is_out_of_time(1e9)
    assert Budget(10, timeout_hours=0.5).seconds_left(1700) == 100
