"""Parameter constraints that leave a plane, a line, or few points: what is free is searched, and the rest computed."""

import random
from typing import Any

import pytest
from fakes import problem

from ax_moo.optimizer.base import Method, SearchSpaceExhausted
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.encoding import SpaceEncoding
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.problem.constraints import ParameterConstraint
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.sweep.settings import Settings
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

SHARES = tuple(f"{name}=interval(0, 1)" for name in "abc")
STEPS = tuple(f"{name}=range(0, 1.01, 0.05)" for name in "abc")
COUNTS = tuple(f"{name}=int(interval(0, 10))" for name in "abc")
WIDTHS = tuple(f"{name}=int(tag(log, interval(1, 256)))" for name in "ab")


def _points(here: Problem, method: str, number: int) -> list[dict[str, Any]]:
    """Different points that meet the constraints; all trials complete."""
    optimizer, points = AxOptimizer(here, method, seed=1), list[dict[str, Any]]()
    for index in range(number):
        candidate = optimizer.ask(index)
        assert candidate is not None
        point = dict(candidate.parameterization)
        assert here.search_space.contains(point)
        assert all(constraint.holds(point) for constraint in here.parameter_constraints), point
        assert point not in points
        assert candidate.model_failed is None
        points.append(point)
        trial = Trial(index, point, generation_node=candidate.generation_node, arm=candidate.arm)
        optimizer.tell(trial.to(TrialStatus.COMPLETED, outcome={"objective": point["a"]}))
    return points


@pytest.mark.parametrize("method", ["sobol", "random"])
@pytest.mark.parametrize(
    "constraints",
    [["a + b + c == 1"], ["a + b + c <= 1", "a + b + c >= 1"], ["a + b <= 0.7", "2*a + 2*b >= 1.4", "c <= 0.5"]],
)
def test_a_plane_is_searched_with_every_method_without_a_model(method: str, constraints: list[str]) -> None:
    _points(problem(*SHARES, parameter_constraints=constraints), method, 8)


@pytest.mark.parametrize(
    ("space", "constraints"),
    [
        (SHARES, ["a + b + c <= 1", "a + b + c >= 1"]),
        (COUNTS, ["a + b + c == 10"]),
        (COUNTS, ["2*a + 3*b == 12"]),
        (STEPS, ["a + b + c == 1"]),
        (WIDTHS, ["a == 2*b"]),
        (WIDTHS, ["2*a == 3*b"]),
        ((*COUNTS, "x=interval(0, 9)"), ["a + x == 5.5", "b + c <= 1"]),
    ],
)
def test_points_meet_an_equality_and_whole_numbers_and_steps_exactly_also_by_the_model(
    space: tuple[str, ...], constraints: list[str]
) -> None:
    _points(problem(*space, parameter_constraints=constraints), "auto", 7)


def test_several_equalities_are_solved_together_and_the_bounds_of_computed_parameters_hold() -> None:
    here = problem(*SHARES, "d=interval(0, 2)", parameter_constraints=["a + b + c == 1", "d == 2*a + c"])
    assert len(here.solution.computed) == 2
    _points(here, "sobol", 6)


def test_three_inequalities_that_leave_a_line_only_together_are_an_equality() -> None:
    here = problem(*SHARES, parameter_constraints=["a - b <= 0", "b - c <= 0", "c - a <= 0"])
    assert all(len(set(point.values())) == 1 for point in _points(here, "random", 5))


def test_an_equality_of_log_scale_parameters_is_an_equality_of_their_logarithms() -> None:
    logs = ("a=tag(log, interval(1e-4, 1))", "b=tag(log, interval(1e-4, 1))")
    assert all(
        point["a"] >= 0.001 for point in _points(problem(*logs, parameter_constraints=["a == 10*b"]), "sobol", 6)
    )


def test_the_grid_of_an_equality_is_every_point_that_meets_it_also_with_a_continuous_parameter() -> None:
    coarse = tuple(f"{name}=range(0, 1.01, 0.25)" for name in "ab")
    for last in ("c=range(0, 1.01, 0.25)", "c=interval(0, 1)"):
        here = problem(*coarse, last, parameter_constraints=["a + b + c == 1"])
        Settings.from_config({"method": "grid"}, here.search_space, here.parameter_constraints)
        assert len(_points(here, "grid", 15)) == here.points.number() == 15
        design = InitialDesign(here, Method.GRID, seed=0)
        design.replay([Trial(index, point) for index, point in enumerate(here.points.all())])
        with pytest.raises(SearchSpaceExhausted, match="15 points"):
            design.ask()


@pytest.mark.parametrize(
    ("space", "constraints", "message"),
    [
        (SHARES, ["a + b + c == 3"], r"only one point \(a=1 b=1 c=1\) meets the constraint 'a \+ b \+ c == 3'"),
        (SHARES, ["a + b == 1", "a - b == 0"], r"\(a=0.5 b=0.5\) meets the constraints 'a \+ b == 1' and 'a - b == 0'"),
        (SHARES, ["a + b <= 0.5", "a + b >= 0.5", "a - b == 0.5"], r"only one point \(a=0.5 b=0\)"),
        (SHARES, ["a + b == 1", "a + c >= 0.5", "2*a + 2*b == 3"], r"all the constraints 'a \+ b == 1' and '2\*a"),
        (COUNTS, ["2*a + 4*b == 7"], r"no point of the search space meets the constraint '2\*a \+ 4\*b == 7'"),
        (COUNTS, ["7*a + 11*b == 76"], r"only one point \(a=3 b=5\)"),
        (("a=int(interval(3, 10))",), ["a <= 3"], r"only one point \(a=3\) meets the constraint 'a <= 3'"),
        (COUNTS[:2], ["a + b <= 0.5"], r"only one point \(a=0 b=0\) meets the constraint 'a \+ b <= 0.5'"),
        (
            COUNTS[:2],
            ["2*a >= 19", "a + b <= 10"],
            r"\(a=10 b=0\) meets the constraints '2\*a >= 19' and 'a \+ b <= 10'",
        ),
        (STEPS, ["a + b == 0.12"], r"no point of the search space meets the constraint 'a \+ b == 0.12'"),
    ],
)
def test_equalities_that_leave_nothing_to_search_are_a_mistake_that_is_named(
    space: tuple[str, ...], constraints: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        problem(*space, parameter_constraints=constraints)


@pytest.mark.parametrize("other", ["b=interval(0, 1)", "b=choice(x, y)", "b=int(interval(0, 1))"])
def test_one_value_that_inequalities_leave_to_a_whole_number_is_no_mistake_where_others_are_searched(
    other: str,
) -> None:
    assert problem("a=int(interval(3, 10))", other, parameter_constraints=["a <= 3"])


def test_initial_points_meet_an_equality_up_to_rounding() -> None:
    space = SearchSpace.from_config({}, list(SHARES))
    equality = ParameterConstraint.parse("a + b + c == 1", space.names)
    third = 1 / 3
    Settings.from_config({"initial": [{"a": third, "b": third, "c": 0.33333333333}]}, space, [equality])
    with pytest.raises(
        ConfigError, match=r"initial\[0\]: the point breaks the parameter constraint 'a \+ b \+ c == 1'"
    ):
        Settings.from_config({"initial": [{"a": 0.3, "b": 0.3, "c": 0.3}]}, space, [equality])


def test_an_equality_of_large_whole_numbers_is_exact() -> None:
    equality = ParameterConstraint.parse("3*a + b == 464256321.5", ("a", "b"))
    assert equality.holds({"a": 5, "b": 464256306.5})
    assert not equality.holds({"a": 5, "b": 464256307})


def test_a_problem_with_an_equality_comes_back_from_json_and_one_without_is_written_as_before() -> None:
    here = problem(*SHARES, parameter_constraints=["a + b + c == 1", "a <= b"])
    assert Problem.from_dict(here.to_dict()) == here
    assert here.to_dict()["parameter_constraints"][1] == {"terms": [["a", 1.0], ["b", -1.0]], "bound": 0.0}


def test_an_arm_of_an_equality_belongs_to_its_whole_parameterization_alone() -> None:
    encoding = SpaceEncoding(problem(*SHARES, parameter_constraints=["a + b + c == 1"]))
    arm = encoding.to_arm({"a": 0.2, "b": 0.3, "c": 0.5})
    assert len(arm) == 2
    assert encoding.belong_together(arm, {"a": 0.2, "b": 0.3, "c": 0.5})
    assert not encoding.belong_together(arm, {"a": 0.25, "b": 0.3, "c": 0.45})


@pytest.mark.parametrize(
    ("space", "equality", "arm", "computed"),
    [
        (SHARES[:2], "a + b == 1", {"b": 1 - 2e-13}, 0.0),
        (SHARES[:2], "a + b == 1", {"b": 2e-13}, 1.0),
        (SHARES, "a + b + c == 1", {"b": 0.1, "c": 0.7}, 0.2),
        (SHARES, "a == b + c", {"b": 0.1, "c": 0.2}, 0.3),
        (SHARES, "a == b - c", {"b": 0.3, "c": 0.1 + 0.2}, 0.0),
        (("a=interval(-1, 1)", "b=interval(0, 0.5)"), "a + 3*b == 0.3", {"b": 0.1}, 0.0),
        (("a=interval(0, 1e6)", "b=interval(1, 2)"), "a + b == 2", {"b": 2 - 1e-7}, 1e-7),
        (("a=tag(log, interval(1e-4, 1))", "b=tag(log, interval(1e-4, 1))"), "a == 10*b", {"b": -2.0}, 0.1),
        (("a=tag(log, interval(1e-4, 1))", "b=tag(log, interval(1e-4, 1))"), "a == 3*b", {"b": -3.0}, 0.003),
    ],
)
def test_a_computed_value_has_no_rounding_and_is_the_bound_that_it_almost_is(
    space: tuple[str, ...], equality: str, arm: dict[str, float], computed: float
) -> None:
    here = problem(*space, parameter_constraints=[equality])
    point = SpaceEncoding(here).to_parameterization(arm)
    assert repr(point["a"]) == repr(computed)
    assert here.points.is_allowed(point)
    assert here.search_space.complete(point, "") == point


def test_a_job_gets_the_value_that_is_in_the_journal_also_just_below_a_bound() -> None:
    space = SearchSpace.from_config({}, ["x=interval(0, 1)"])
    assert space.to_overrides({"x": 1 - 2e-13}) == (f"x={1 - 2e-13}",)


def test_a_space_of_which_ax_draws_no_point_is_not_exhausted() -> None:
    """A sum that only few whole numbers meet, among very many: to draw them in vain is no exhaustion."""
    wide = tuple(f"{name}=int(interval(0, 100000))" for name in "abcde")
    here = problem(*wide, parameter_constraints=["a + b + c + d + e <= 40"])
    assert here.points.number() is None
    _points(here, "sobol", 5)


@pytest.mark.parametrize(
    ("constraints", "number"),
    [
        (["1001*a + 999*b == 1000000000"], 999),
        (["2*a + 3*b + 5*c == 999999"], None),
        (["6*a + 10*b + 15*c == 1081", "14*a + 21*c + 6*b == 1487"], 3),
    ],
)
def test_points_of_whole_numbers_that_are_rare_among_others_are_found(
    constraints: list[str], number: int | None
) -> None:
    wide = tuple(f"{name}=int(interval(0, 1000000))" for name in "abc"[: 2 if number == 999 else 3])
    here = problem(*wide, parameter_constraints=constraints)
    assert here.points.number() == number
    for seed in range(5):
        assert here.points.draw(random.Random(seed)) is not None


def test_the_sum_of_very_large_whole_numbers_is_exact() -> None:
    large = tuple(f"{name}=int(interval(0, {2**62}))" for name in "ab")
    point = problem(*large, parameter_constraints=[f"a + b == {2**62}"]).points.draw(random.Random(0))
    assert point is not None
    assert sum(point.values()) == 2**62


def test_few_constrained_whole_numbers_are_scored_by_the_model_until_all_were_tried() -> None:
    few = tuple(f"{name}=int(interval(0, 10))" for name in "abcdef")
    optimizer = AxOptimizer(problem(*few, parameter_constraints=["a + b + c + d + e + f <= 1"]), seed=1)
    nodes, points = [], []
    for index in range(7):
        candidate = optimizer.ask(index)
        assert candidate is not None
        nodes.append(candidate.generation_node)
        points.append(candidate.parameterization)
        trial = Trial(index, candidate.parameterization, generation_node=candidate.generation_node)
        optimizer.tell(trial.to(TrialStatus.COMPLETED, outcome={"objective": candidate.parameterization["a"]}))
    assert nodes[5:] == ["MBM", "MBM"]
    assert all(points.count(point) == 1 for point in points)
    with pytest.raises(SearchSpaceExhausted, match="all 7 points"):
        optimizer.ask(7)
