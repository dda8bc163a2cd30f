"""Objectives and constraints are read from the config, and mean what they say."""

import json
import math
import random
from typing import Any

import pytest
from omegaconf import OmegaConf

from ax_moo.problem.difference import differences
from ax_moo.problem.problem import Objective, OutcomeConstraint, ParameterConstraint, Problem
from ax_moo.search_space.space import Fixed, Range, SearchSpace
from ax_moo.sweep.resuming.resume import as_recorded
from ax_moo.system.errors import ConfigError

SPACE = SearchSpace(
    (
        Range("a", 0.0, 10.0, "float"),
        Range("b", 1, 100, "int"),
        Range("a-b", 0.0, 1.0, "float"),
        Range("opt@x/y.2", 0.0, 1.0, "float"),
        Range("model.h1", 16, 128, "int", log_scale=True),
        Range("model.h2", 16, 128, "int", log_scale=True),
        Fixed("f", 1),
    )
)


def parse(text: str) -> ParameterConstraint:
    (constraint,) = Problem.from_config(SPACE, {}, [], [text]).parameter_constraints
    return constraint


def test_constraints_that_hold_one_by_one_but_never_together_are_refused() -> None:
    space = SearchSpace.from_config({}, ["a=interval(0, 9)", "b=interval(0, 9)", "k=tag(log, interval(1, 9))"])
    for together in (["a - b >= 5", "b - a >= 5"], ["k <= 2", "k >= 3"]):
        with pytest.raises(ConfigError, match="no point of the search space meets all the constraints"):
            Problem.from_config(space, {}, [], together)
    assert Problem.from_config(space, {}, [], ["a - b >= 5", "b - a <= 5", "k <= 3"]).parameter_constraints


def test_no_objective_in_the_config_means_one_that_is_minimised() -> None:
    problem = Problem.from_config(SPACE, {}, [], [])
    assert problem.objectives == (Objective("objective", minimize=True),)
    assert not problem.is_multi_objective
    assert not problem.thresholds_given
    assert problem.metric_names == ("objective",)


def test_objectives_have_a_direction_and_may_have_thresholds() -> None:
    config = {
        "val_acc": {"direction": "maximize", "threshold": 0.94},
        "num params": {"direction": "minimize", "threshold": 80000},
    }
    problem = Problem.from_config(SPACE, config, ["val/loss <= 3"], [])
    assert problem.objectives == (Objective("val_acc", False, 0.94), Objective("num params", True, 80000.0))
    assert problem.is_multi_objective
    assert problem.thresholds_given
    assert problem.metric_names == ("val_acc", "num params", "val/loss")


def test_an_objective_may_be_just_its_direction() -> None:
    problem = Problem.from_config(SPACE, {"val_acc": "maximize", "size": "minimize"}, [], [])
    assert problem.objectives == (Objective("val_acc", False), Objective("size", True))
    assert not problem.thresholds_given


def test_the_config_may_be_omegaconfs() -> None:
    config = OmegaConf.create({"objectives": {"acc": {"direction": "maximize"}}, "outcomes": ["t <= 3"], "none": []})
    problem = Problem.from_config(SPACE, config.objectives, config.outcomes, config.none)
    assert problem.metric_names == ("acc", "t")


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("latency_ms <= 20", OutcomeConstraint("latency_ms", "<=", 20.0)),
        ("val/acc<=3", OutcomeConstraint("val/acc", "<=", 3.0)),
        ("top 1 >= 0.5", OutcomeConstraint("top 1", ">=", 0.5)),
        ("5shot >= -1e-1", OutcomeConstraint("5shot", ">=", -0.1)),
        ("0.1 <= 5shot", OutcomeConstraint("5shot", ">=", 0.1)),
        ("20 >= latency-ms", OutcomeConstraint("latency-ms", "<=", 20.0)),
    ],
)
def test_an_outcome_constraint_takes_any_metric_name(text: str, constraint: OutcomeConstraint) -> None:
    assert OutcomeConstraint.parse(text) == constraint


@pytest.mark.parametrize(
    ("text", "terms", "bound"),
    [
        ("a <= b", {"a": 1, "b": -1}, 0),
        ("2*a + 0.5*b - a-b <= 10", {"a": 2, "b": 0.5, "a-b": -1}, 10),
        ("b-a<=1", {"b": 1, "a": -1}, 1),
        ("a >= 3", {"a": -1}, -3),
        ("3<=a", {"a": -1}, -3),
        ("- a <= -b*.5e0 + 3 - 1", {"a": -1, "b": 0.5}, 2),
        ("opt@x/y.2 <= 0.5", {"opt@x/y.2": 1}, 0.5),
        ("model.h2 <= model.h1", {"model.h2": 1, "model.h1": -1}, 0),
        ("model.h2 >= 2*model.h1", {"model.h2": -1, "model.h1": 2}, 0),
    ],
)
def test_a_parameter_constraint_is_a_weighted_sum_with_a_bound(
    text: str, terms: dict[str, float], bound: float
) -> None:
    constraint = parse(text)
    assert dict(constraint.terms) == terms
    assert constraint.bound == bound
    assert parse(constraint.text) == constraint


def test_a_parameter_constraint_holds_up_to_and_on_its_bound() -> None:
    constraint = parse("2*a + b <= 10")
    assert constraint.holds({"a": 0.1 + 0.2, "b": 9.4, "c": "other"})
    assert not constraint.holds({"a": 0.31, "b": 9.4})
    assert constraint.text == "2*a + b <= 10"


@pytest.mark.parametrize(
    "text", ["model.h2 <= model.h1", "3*model.h2 >= 2*model.h1", "model.h1 <= 60", "2*model.h1 >= 60"]
)
def test_a_constraint_in_log10_holds_where_the_constraint_does(text: str) -> None:
    constraint, rng = parse(text), random.Random(0)
    points = [{name: rng.uniform(16, 128) for name in ("model.h1", "model.h2")} for _ in range(300)]
    logs = [{name: math.log10(value) for name, value in point.items()} for point in points]
    verdicts = [constraint.holds(point) for point in points]
    assert [constraint.in_log10().holds(point) for point in logs] == verdicts
    assert set(verdicts) == {True, False}


def test_a_sum_has_no_form_in_log10() -> None:
    constraint = parse("a + b <= 3")
    assert not constraint.has_log10_form
    with pytest.raises(ConfigError, match=r"a \+ b <= 3.*not linear on a log scale"):
        constraint.in_log10()


def full_problem(**changes: Any) -> Problem:
    config: dict[str, Any] = {
        "objectives": {"acc": "maximize", "size": "minimize"},
        "outcome_constraints": ["top 1 >= 0.1"],
        "parameter_constraints": ["model.h2 <= model.h1", "a + 0.3*b <= 10"],
    }
    return Problem.from_config(SPACE, **{**config, **changes})


def test_a_problem_comes_back_from_json_exactly_and_with_its_hash() -> None:
    problem = full_problem()
    back = Problem.from_dict(json.loads(json.dumps(problem.to_dict())))
    assert back == problem
    assert back.hash == problem.hash
    assert len(problem.hash) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"objectives": {"acc": "minimize", "size": "minimize"}},
        {"objectives": {"size": "minimize", "acc": "maximize"}},
        {"outcome_constraints": ["top 1 >= 0.2"]},
        {"parameter_constraints": ["model.h2 <= model.h1"]},
    ],
)
def test_another_problem_has_another_hash(change: dict[str, Any]) -> None:
    assert full_problem(**change).hash != full_problem().hash


WRITTEN = {"outcome_constraints": ["20 >=  ms", "top 1 >= 1e-1"], "parameter_constraints": ["a + b >= 1.5", "5 >= 2*a"]}
AS_WRITTEN = ["20 >= ms", "top 1 >= 1e-1", "a + b >= 1.5", "5 >= 2*a"]


def _texts(problem: Problem) -> list[str]:
    return [each.text for each in (*problem.outcome_constraints, *problem.parameter_constraints)]


def test_a_constraint_is_shown_as_it_is_written_also_from_a_journal() -> None:
    problem = full_problem(**WRITTEN)
    assert _texts(problem) == AS_WRITTEN
    assert _texts(Problem.from_dict(json.loads(json.dumps(problem.to_dict())))) == AS_WRITTEN


def test_a_constraint_in_other_words_is_the_same_one() -> None:
    one = full_problem(**WRITTEN)
    other = full_problem(
        outcome_constraints=["ms <= 20", "top 1 >= 0.1"], parameter_constraints=["1.5 <= b + a", "2*a<=5"]
    )
    assert one.hash != full_problem().hash
    assert (
        full_problem(parameter_constraints=["a <= b"]).hash == full_problem(parameter_constraints=["a - b <= 0"]).hash
    )
    assert differences(one, one) == []
    assert differences(other, full_problem(**{**WRITTEN, "parameter_constraints": ["1.5 <= b + a", "5 >= 2*a"]})) == []
    assert differences(full_problem(parameter_constraints=[]), full_problem(parameter_constraints=["a >= 3"])) == [
        "the parameter constraint a >= 3 is new"
    ]


def test_a_problem_from_a_journal_without_texts_has_those_of_the_config() -> None:
    problem = full_problem(**WRITTEN)
    recorded = {key: value for key, value in problem.to_dict().items() if key != "written"}
    assert _texts(as_recorded(problem, {"problem": recorded})) == AS_WRITTEN


def test_a_difference_is_told_in_the_words_of_yaml() -> None:
    log, plain = (
        Problem.from_config(SearchSpace.from_config({}, [text]), {}, [], [])
        for text in ("x=tag(log, interval(1, 2))", "x=interval(1, 2)")
    )
    assert differences(log, plain) == ["the parameter x had log_scale true and now has false"]
