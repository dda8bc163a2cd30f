import pytest

from ax_moo.trial import CompletedTrial, Trial, TrialStatus, completed

pytestmark = pytest.mark.hydra_free


def test_only_a_trial_with_an_outcome_is_a_completed_trial() -> None:
    done = Trial(1, {"x": 1}, TrialStatus.COMPLETED, generation_node="Sobol", outcome={"f": 0.5}, time=7.0)
    trials = [Trial(0, {}), done, done.to(TrialStatus.FAILED), Trial(2, {}, TrialStatus.COMPLETED)]
    (one,) = completed(trials)
    assert vars(one) == vars(done)
    assert completed([one]) == [one]


@pytest.mark.parametrize(
    ("status", "outcome"), [(TrialStatus.RUNNING, {"f": 0.5}), (TrialStatus.COMPLETED, {}), (TrialStatus.FAILED, {})]
)
def test_a_completed_trial_cannot_be_made_of_another(status: TrialStatus, outcome: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"trial 3 must be COMPLETED with an outcome, got {status} with"):
        CompletedTrial(3, {}, status, outcome=outcome)
