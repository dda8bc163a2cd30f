"""With ``method=auto`` the hyperparameters are fitted on a schedule, and a resumed sweep has the same ones."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from asynchronous import Ours, play
from ax.generators.torch.botorch_modular import utils
from fakes import TWO_OBJECTIVES, problem

from ax_moo.optimizer.bayes import scheduled_fits
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.bayes.scheduled_fits import scheduled_fit
from ax_moo.problem.problem import Problem
from ax_moo.trial import Outcome, Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

SPACE = ("x=interval(0, 1)", "h=int(tag(log, interval(4, 64)))", "c=choice(p, q, r)")
NO_THRESHOLDS = {"f": {"direction": "maximize"}, "g": {"direction": "minimize"}}


def _evaluate(point: Mapping[str, Any]) -> Outcome:
    f = 1 - (point["x"] - 0.3) ** 2 + math.log(point["h"]) * 0.05
    return {"f": f, "g": point["h"] / 64 + 0.1 * (point["c"] == "p"), "latency": 30 * point["x"]}


def _results(count: int) -> list[Trial]:
    trials = []
    optimizer = AxOptimizer(problem(*SPACE, objectives=TWO_OBJECTIVES), method="sobol", seed=0)
    for index in range(count):
        candidate = optimizer.ask(index)
        assert candidate is not None
        outcome = _evaluate(candidate.parameterization)
        trials.append(Trial(index, candidate.parameterization).to(TrialStatus.COMPLETED, outcome=outcome))
    return trials


def test_each_of_the_first_results_brings_a_fit_and_later_each_fifth_more() -> None:
    assert [scheduled_fit(results) for results in (0, 1, 2, 9, 10, 11, 20, 21, 22, 48, 49, 50)] == [
        *(0, 1, 2, 9, 10, 10, 19, 19, 22, 44, 44, 44)
    ]
    assert len({scheduled_fit(results) for results in range(1001)}) < 40


def test_hyperparameters_are_fitted_when_the_schedule_says_so_and_at_once_for_results_that_came_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted = []
    fit = utils.fit_gpytorch_mll

    def counted(mll: Any, **options: Any) -> Any:
        fitted.append(mll.model.train_targets.shape[-1])
        return fit(mll, **options)

    monkeypatch.setattr(utils, "fit_gpytorch_mll", counted)
    results = _results(24)
    optimizer = AxOptimizer(problem(*SPACE, objectives=TWO_OBJECTIVES), seed=0)
    optimizer.replay(results[:19])
    for index in range(19, 24):
        candidate = optimizer.ask(100 + index)
        assert candidate is not None
        assert candidate.generation_node == "MBM"
        optimizer.replay([results[index]])
    assert fitted == [19, 22]


@pytest.mark.slow  # fits of a model for half a minute of CPU
@pytest.mark.parametrize(
    "two",
    [
        problem(*SPACE, objectives=TWO_OBJECTIVES),
        problem("x=interval(0, 1)", "h=interval(4, 64)", "c=choice(p, q)", objectives={"f": {"direction": "maximize"}}),
        problem(*SPACE, objectives=NO_THRESHOLDS, outcome_constraints=["latency <= 20"]),
    ],
    ids=["thresholds", "one objective", "no thresholds and an outcome constraint"],
)
def test_a_resume_at_any_point_goes_on_with_the_candidate_of_the_sweep_that_was_not_interrupted(
    two: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled_fits, "ALWAYS_UNTIL", 3)
    monkeypatch.setattr(scheduled_fits, "GROWTH", 3)  # fits with 3, 4, 5, 6, 8 and 10 results
    n_trials, failing = 15, 4
    sweep = Ours(AxOptimizer(two, seed=3))
    points = play(sweep, _evaluate, n_trials, failing)
    for index in (5, failing + 4, 11, n_trials - 1):
        resumed = AxOptimizer(two, seed=3)
        resumed.replay(sweep.journals[index])
        candidate = resumed.ask(index)
        assert candidate is not None
        assert (index, candidate.parameterization) == (index, points[index])


def test_a_fit_that_fails_leaves_the_candidate_to_a_fit_to_all_results(monkeypatch: pytest.MonkeyPatch) -> None:
    fit, failures = utils.fit_gpytorch_mll, [1]

    def failing(mll: Any, **options: Any) -> Any:
        if failures:
            failures.pop()
            raise ValueError("the covariance is not positive definite")
        return fit(mll, **options)

    monkeypatch.setattr(utils, "fit_gpytorch_mll", failing)
    optimizer = AxOptimizer(problem(*SPACE, objectives=TWO_OBJECTIVES), seed=0)
    optimizer.replay(_results(6))
    candidate = optimizer.ask(6)
    assert candidate is not None
    assert candidate.generation_node == "MBM"
    assert failures == []
