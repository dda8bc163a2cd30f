import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated
from fakes import TWO_OBJECTIVES, problem
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ax_moo.problem.frontier import (
    as_maximization,
    hypervolume,
    hypervolume_of,
    hypervolume_trace,
    is_feasible,
    non_dominated,
    pareto_trials,
    reference_point,
)
from ax_moo.trial import Trial, TrialStatus, completed

pytestmark = pytest.mark.hydra_free

# Whole numbers, so that ties and equal rows are frequent.
point_sets = st.tuples(st.integers(1, 14), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-3, 6).map(float))
)


@settings(max_examples=200, deadline=None)
@given(points=point_sets)
def test_hypervolume_and_frontier_agree_with_botorch(points: np.ndarray) -> None:
    reference = np.zeros(points.shape[1])
    theirs = torch.tensor(points)
    assert non_dominated(points).tolist() == is_non_dominated(theirs, deduplicate=False).tolist()
    above = theirs[is_non_dominated(theirs)]
    expected = Hypervolume(torch.tensor(reference)).compute(above)
    assert hypervolume(points, reference) == pytest.approx(expected, abs=1e-9)


def test_a_frontier_of_thousands_is_found_in_one_pass() -> None:
    angle = np.linspace(0, np.pi / 2, 5000)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert non_dominated(np.concatenate([points, points - 0.1])).tolist() == [True] * 5000 + [False] * 5000
    assert hypervolume(points, np.zeros(2)) == pytest.approx(np.pi / 4, abs=1e-3)


def _completed(index: int, **outcome: float) -> Trial:
    return Trial(index, {}, TrialStatus.COMPLETED, outcome=outcome)


def test_only_completed_and_feasible_trials_are_on_the_frontier() -> None:
    two = problem(objectives=TWO_OBJECTIVES, outcome_constraints=["latency <= 5"])
    trials = [
        _completed(0, f=0.5, g=0.5, latency=1.0),
        _completed(1, f=0.9, g=0.1, latency=9.0),
        _completed(2, f=0.9, g=1.5, latency=1.0),
        _completed(3, f=0.6, g=0.9, latency=5.0),
        _completed(4, f=0.4, g=0.6, latency=1.0),
        Trial(5, {}, TrialStatus.FAILED, reason="boom"),
    ]
    assert [t.index for t in pareto_trials(trials, two)] == [0, 3]
    assert [is_feasible(t.outcome, two) for t in completed(trials)] == [True, False, False, True, True]


def test_thresholds_are_the_reference_point() -> None:
    two = problem(objectives=TWO_OBJECTIVES)
    assert reference_point(two, []) == pytest.approx([0.0, -1.0])
    assert hypervolume_trace([_completed(0, f=0.5, g=0.25)], two) == pytest.approx([0.5 * 0.75])


def test_the_trace_never_falls_and_skips_trials_without_an_outcome() -> None:
    two = problem(objectives={"f": "maximize", "g": "minimize"})
    rng = np.random.default_rng(0)
    trials = [_completed(i, f=float(f), g=float(g)) for i, (f, g) in enumerate(rng.random((30, 2)))]
    trace = hypervolume_trace([*trials, Trial(30, {}, TrialStatus.RUNNING)], two)
    assert len(trace) == 30
    assert trace == sorted(trace)
    assert trace[-1] > trace[0]


def test_an_infeasible_trial_does_not_move_an_inferred_reference_point() -> None:
    two = problem(objectives={"f": "minimize", "g": "minimize"}, outcome_constraints=["lat <= 5"])
    trials = [_completed(0, f=1, g=0.5, lat=1), _completed(1, f=0.5, g=1, lat=1), _completed(2, f=0, g=0, lat=9)]
    assert hypervolume_of(trials, two) > 0
    assert hypervolume_trace(trials, two)[-1] == hypervolume_of(trials, two)


def test_without_thresholds_and_outcomes_there_is_no_reference_point() -> None:
    assert reference_point(problem(objectives={"f": "maximize", "g": "minimize"}), []) is None


def test_minimised_objectives_change_their_sign_and_a_sem_is_left_aside() -> None:
    two = problem(objectives=TWO_OBJECTIVES)
    assert as_maximization([{"f": (1.0, 0.1), "g": 2.0}], two.objectives).tolist() == [[1.0, -2.0]]


def test_with_one_objective_the_frontier_is_the_best_trial() -> None:
    one = problem()
    trials = [_completed(0, objective=2.0), _completed(1, objective=1.0), _completed(2, objective=3.0)]
    assert [t.index for t in pareto_trials(trials, one)] == [1]


def test_rows_whose_sum_is_larger_than_any_number_are_compared() -> None:
    points = np.array([[1.5e308, 1.5e308, 0.0], [1.5e308, 1.6e308, 0.0], [-1.5e308, -1.5e308, -1.5e308]])
    assert non_dominated(points).tolist() == [False, True, False]
