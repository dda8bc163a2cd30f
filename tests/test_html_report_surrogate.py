"""The report's model analyses, on made-up sweeps that are fitted in a moment."""

import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, problem

from ax_moo.html_report import surrogate
from ax_moo.html_report.surrogate import GRID_POINTS, MOST_TRIALS, analyse, centre, grid, trials_to_model
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.problem.frontier import pareto_trials
from ax_moo.problem.problem import Problem
from ax_moo.trial import Measured, Parameterization, Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

KINDS = ["relu", 2, [1, 2]]
"""A choice among values that Ax cannot hold."""


@pytest.fixture(scope="module")
def mixed() -> tuple[list[Trial], dict[str, Any]]:
    """A sweep with a constraint on a log-scale parameter and names that Ax cannot parse, and what is found in it."""
    objectives = {"val/f": "maximize", "g": "minimize"}
    space = ("h=int(tag(log,interval(4,64)))", "lambda=interval(0,1)", "kind=choice(relu,2,[1,2])", "seed=choice(3)")
    goals = problem(*space, objectives=objectives, parameter_constraints=["h <= 60"])
    optimizer = AxOptimizer(goals, "sobol", seed=1)
    trials = []
    for index in range(18):
        candidate = optimizer.ask(index)
        assert candidate is not None
        trials.append(Trial(index, candidate.parameterization, TrialStatus.COMPLETED, arm=candidate.arm))
    trials = [_measured(trial, trial.parameterization) for trial in trials]
    trials[4] = Trial(4, trials[4].parameterization, TrialStatus.FAILED, arm=trials[4].arm, reason="boom")
    return trials, analyse(list(reversed(trials)), goals, "sobol", seed=1)


def _measured(trial: Trial, point: Parameterization) -> Trial:
    outcome = {"val/f": 2 * point["lambda"] + (point["kind"] == "relu"), "g": (math.log(point["h"]), 0.1)}
    return Trial(trial.index, point, TrialStatus.COMPLETED, arm=trial.arm, outcome=outcome)


def test_everything_is_under_the_sweeps_own_names_and_json_can_hold_it(mixed: Any) -> None:
    _, found = mixed
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["why_not"], found["trials"], found["trials_used"]) == (None, 17, 17)
    assert found["fixed_at"] == "the centre of the search space"
    assert list(found["metrics"]) == ["val/f", "g"]
    for metric in found["metrics"].values():
        assert metric["fixed"] == {"h": 16, "lambda": 0.5, "seed": 3, "kind": 2}
        assert {row["parameter"] for row in metric["importances"]} == {"h", "lambda", "kind"}


def test_cross_validation_is_told_by_the_sweeps_trials(mixed: Any) -> None:
    trials, found = mixed
    folds = found["metrics"]["val/f"]["cross_validation"]
    assert folds["trial"] == [t.index for t in trials if t.outcome]
    assert folds["observed"] == [t.outcome["val/f"] for t in trials if t.outcome]
    assert folds["observed_ci"] == [None] * 17
    assert len(folds["predicted"]) == len(folds["predicted_ci"]) == 17
    assert 0.5 < folds["r2"] <= 1
    known_sem = found["metrics"]["g"]["cross_validation"]["observed_ci"]
    assert known_sem == pytest.approx([0.196] * 17, rel=1e-3)


def test_importances_say_what_matters_and_in_which_direction(mixed: Any) -> None:
    _, found = mixed
    first, second = found["metrics"]["val/f"]["importances"][:2]
    assert {(row["parameter"], row["direction"]) for row in (first, second)} == {("lambda", 1), ("kind", 0)}
    (largest, *others) = found["metrics"]["g"]["importances"]
    assert (largest["parameter"], largest["direction"]) == ("h", 1)
    assert largest["importance"] > 0.8
    assert largest["importance"] + sum(row["importance"] for row in others) == pytest.approx(1)


def test_slices_follow_the_metric_along_each_parameter(mixed: Any) -> None:
    _, found = mixed
    slices = found["metrics"]["val/f"]["slices"]
    assert list(slices) == ["h", "lambda", "kind"]
    assert slices["kind"]["x"] == KINDS
    assert slices["lambda"]["mean"] == sorted(slices["lambda"]["mean"])
    for values in slices.values():
        assert len(values["x"]) == len(values["mean"]) == len(values["ci"])
        assert all(ci > 0 for ci in values["ci"])


def test_each_pair_of_parameters_has_one_contour(mixed: Any) -> None:
    _, found = mixed
    contours = found["metrics"]["g"]["contours"]
    assert [(c["x"], c["y"]) for c in contours] == list(itertools.combinations(["h", "lambda", "kind"], 2))
    for contour in contours:
        assert len(contour["z"]) == len(contour["ci"]) == len(contour["ys"])
        assert {len(row) for row in [*contour["z"], *contour["ci"]]} == {len(contour["xs"])}
    h_lambda = next(c for c in contours if (c["x"], c["y"]) == ("h", "lambda"))
    for row in h_lambda["z"]:
        assert row == pytest.approx([math.log(h) for h in h_lambda["xs"]], abs=0.3)


def _one_objective(*values: Measured) -> tuple[list[Trial], Problem]:
    points = [{"x": (i * 0.37) % 1, "y": (i * 0.61) % 1} for i in range(len(values))]
    trials = [
        Trial(i, p, TrialStatus.COMPLETED, outcome={"objective": v})
        for i, (p, v) in enumerate(zip(points, values, strict=True))
    ]
    return trials, problem()


def test_one_objective_is_looked_at_around_its_best_trial_and_twice_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    trials, goals = _one_objective(3.0, 1.0, 2.0, 0.5, 4.0)
    trials.append(Trial(5, trials[3].parameterization, TrialStatus.COMPLETED, outcome={"objective": 0.6}))
    found = analyse(trials, goals, "auto", seed=5)
    metric = found["metrics"]["objective"]
    assert (found["fixed_at"], metric["fixed"]) == ("the best trial", trials[3].parameterization)
    folds = metric["cross_validation"]
    assert dict(zip(folds["trial"], folds["observed"], strict=True)) == {0: 3, 1: 1, 2: 2, 3: 0.5, 4: 4, 5: 0.6}
    monkeypatch.setattr(surrogate, "MOST_PAIRED", 1)  # of many parameters only the most important ones are paired
    assert analyse(trials, goals, "auto", seed=5)["metrics"]["objective"] == {**metric, "contours": []}


def test_an_analysis_that_fails_leaves_the_others() -> None:
    """Nothing to divide among parameters where nothing changes, and nothing to leave out of one point."""
    trials, goals = _one_objective(2.0, 2.0, 2.0)
    point = trials[0].parameterization
    in_one_place = [Trial(t.index, point, TrialStatus.COMPLETED, outcome=t.outcome) for t in trials]
    found = analyse(in_one_place, goals, "auto", seed=5)["metrics"]["objective"]
    assert (found["cross_validation"], found["importances"]) == (None, [])
    assert found["slices"]["x"]["mean"] == pytest.approx([2.0] * GRID_POINTS)
    assert len(found["contours"]) == 1


@pytest.mark.parametrize(
    ("values", "why_not"),
    [
        ([], "A model needs 3 completed trials; so far there are 0."),
        ([1, 2], "A model needs 3 completed trials; so far there are 2."),
        ([1, 2, (3, 0.1)], "Ax could not fit a model to the 3 trials: InputDataError: "),
    ],
)
def test_where_there_is_no_model_it_says_why_not(values: Sequence[Measured], why_not: str) -> None:
    found = analyse(*_one_objective(*values), "auto", None)
    assert found["why_not"].startswith(why_not)
    assert (found["metrics"], found["trials_used"], found["fixed_at"]) == ({}, 0, None)


def test_of_many_trials_the_frontier_and_a_sample_that_repeats_are_modelled() -> None:
    goals = problem(objectives=TWO_OBJECTIVES)
    trials = [
        Trial(i, {"x": i / 1000, "y": 0.5}, TrialStatus.COMPLETED, outcome={"f": math.sin(i), "g": (i * 0.37) % 1})
        for i in range(1000)
    ]
    chosen = trials_to_model(trials, goals, seed=1)
    assert len(chosen) == MOST_TRIALS
    assert [t.index for t in chosen] == sorted(t.index for t in chosen)
    assert {t.index for t in pareto_trials(trials, goals)} <= {t.index for t in chosen}
    assert chosen == trials_to_model(trials, goals, seed=1)
    assert chosen != trials_to_model(trials, goals, seed=2)
    assert trials_to_model(trials[:MOST_TRIALS], goals, seed=1) == trials[:MOST_TRIALS]


@pytest.mark.parametrize(
    ("sweep", "ends", "middle", "count"),
    [
        ("p=interval(0,2)", (0, 2), 1.0, 21),
        ("p=tag(log,interval(1e-4,1e-2))", (1e-4, 1e-2), 1e-3, 21),
        ("p=int(interval(1,4))", (1, 4), 3, 4),
        ("p=int(tag(log,interval(16,4096)))", (16, 4096), 256, 21),
        ("p=int(tag(log,interval(4,64)))", (4, 64), 16, 20),
        (f"p=int(interval(0,{2**60}))", (0, 2**60), 2**59, 21),
        ("p=range(0,10,2)", (0, 8), 4, 5),
        ("p=range(0,1000,2)", (0, 998), 498, 21),
        ("p=tag(ordered,choice(256,32,64))", (32, 256), 64, 3),
        ("p=choice(b,a,null)", ("b", None), "a", 3),
    ],
)
def test_a_grid_goes_from_end_to_end_as_the_search_sees_the_parameter(
    sweep: str, ends: tuple[Any, Any], middle: Any, count: int
) -> None:
    (parameter,) = problem(sweep).search_space.parameters
    values = grid(parameter)
    assert (values[0], values[-1]) == ends
    assert (centre(parameter), len(values)) == (middle, count)
    if all(isinstance(value, (int, float)) for value in values):
        assert values == sorted(set(values))
