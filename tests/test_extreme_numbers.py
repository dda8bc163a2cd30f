"""Very wide ranges of whole numbers are not listed, and very large metrics break neither the model nor the figures."""

import dataclasses
import math
import sys
import tracemalloc

import numpy as np
import pytest
from fakes import problem
from hypothesis import given
from hypothesis import strategies as st

from ax_moo.optimizer.base import Method
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.bayes.magnitudes import LARGEST, meant, told, told_measured
from ax_moo.optimizer.encoding import SpaceEncoding
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.optimizer.points.allowed import allowed_points, number_of_points
from ax_moo.optimizer.points.keys import key
from ax_moo.optimizer.scale import MOST_LISTED
from ax_moo.problem.frontier import hypervolume, hypervolume_of
from ax_moo.problem.problem import ParameterConstraint
from ax_moo.trial import Trial, TrialStatus

# isort: split
from ax_moo.html_report.surrogate_model import Model

pytestmark = pytest.mark.hydra_free

TWO = {"f": {"direction": "minimize"}, "g": {"direction": "maximize"}}
WIDE = ["int(interval(1, 1000000000))", "int(interval(0, 1099511627776))", "int(tag(log, interval(1, 1000000000)))"]


@pytest.mark.parametrize("space", WIDE)
@pytest.mark.parametrize("method", list(Method))
def test_the_first_points_do_not_list_a_wide_range(space: str, method: Method) -> None:
    tracemalloc.start()
    here = problem(f"n={space}", "x=choice(1, 2)")
    assert number_of_points(here) is None
    design = InitialDesign(here, method, seed=1)
    points = [design.ask() for _ in range(3)]
    assert all(point and here.search_space.contains(point.parameterization) for point in points)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("space", WIDE[1:])
def test_the_model_searches_a_wide_range_of_whole_numbers(space: str) -> None:
    here = problem(f"n={space}", "x=interval(0, 1)")
    optimizer = AxOptimizer(here, seed=1)
    for index in range(7):
        candidate = optimizer.ask(index)
        assert candidate
        assert candidate.model_failed is None
        number = candidate.parameterization["n"]
        assert type(number) is int
        assert here.search_space.contains(candidate.parameterization)
        trial = Trial(index, candidate.parameterization, arm=candidate.arm)
        optimizer.tell(trial.to(TrialStatus.COMPLETED, outcome={"objective": math.log1p(number)}))
    assert candidate.generation_node == "MBM"


@pytest.mark.slow
def test_no_whole_number_of_a_wide_log_scale_is_tried_twice() -> None:
    here = problem("n=int(tag(log, interval(1, 1000000000)))")
    optimizer, numbers = AxOptimizer(here, seed=1), []
    for index in range(8):
        candidate = optimizer.ask(index)
        assert candidate
        numbers.append(candidate.parameterization["n"])
        trial = Trial(index, candidate.parameterization, arm=candidate.arm)
        optimizer.tell(trial.to(TrialStatus.COMPLETED, outcome={"objective": abs(math.log(numbers[-1] / 3))}))
    assert len(set(numbers)) == 8


def test_whole_numbers_of_a_wide_range_are_rounded_and_the_arm_is_kept() -> None:
    wide = SpaceEncoding(problem(f"n=int(interval(0, {MOST_LISTED}))", "m=int(interval(1, 9))", "x=interval(0, 1)"))
    assert [axis.value_type for axis in wide.axes] == ["float", "int", "float"]
    arm = {"n": 1234.4, "m": 3, "x": 0.5}
    point = wide.to_parameterization(arm)
    assert (point["n"], type(point["n"])) == (1234, int)
    assert wide.lose_precision
    assert wide.belong_together(arm, point)
    assert wide.belong_together(wide.to_arm(point), point)
    assert not wide.belong_together(arm, {**point, "n": 1240})


def test_rounding_keeps_a_constraint() -> None:
    here = problem("a=int(interval(0, 1000000))", "b=int(interval(0, 9))", parameter_constraints=["a - b <= 0.7"])
    assert here.parameter_constraints[0].holds(SpaceEncoding(here).to_parameterization({"a": 5.7, "b": 5}))


BILLION = "n=int(interval(1, 500000000))"
FEW = [
    ((BILLION, "m=int(interval(1, 3))"), ("n >= 499999998",), 9),
    ((BILLION, "m=int(interval(1, 1000000000))"), ("n + m <= 4",), 6),
    ((BILLION, "m=int(interval(1, 500000000))"), ("n + m >= 500000000", "m <= 2"), 2 + 3),
    (tuple(f"x{i}=int(interval(0, 10))" for i in range(6)), ("x0 + x1 + x2 + x3 + x4 + x5 <= 3",), 84),
    ((BILLION, "c=choice(a, b)"), ("n <= 1.5",), 2),
    (("h=int(tag(log, interval(1, 1000000)))", "k=int(tag(log, interval(1, 1000000)))"), ("2*h <= k", "k <= 4"), 4),
]


@pytest.mark.parametrize(("space", "constraints", "points"), FEW)
def test_the_grid_of_a_wide_space_goes_straight_to_the_points_that_are_allowed(
    space: tuple[str, ...], constraints: tuple[str, ...], points: int
) -> None:
    here = problem(*space, parameter_constraints=constraints)
    assert number_of_points(here) == points
    found = list(allowed_points(here))
    assert len({key(point) for point in found}) == points
    assert all(each.holds(point) for each in here.parameter_constraints for point in found)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(-6, 6)), min_size=1, max_size=3))
def test_the_allowed_points_are_those_of_the_grid_in_its_order(limits: list[tuple[int, int, int]]) -> None:
    space = problem("a=int(interval(-3, 3))", "c=choice(x, y)", "b=int(interval(0, 4))")
    bounds = [
        ParameterConstraint(tuple((name, float(w)) for name, w in (("a", v), ("b", u)) if w), float(bound))
        for v, u, bound in limits
        if v or u
    ]
    here = dataclasses.replace(space, parameter_constraints=tuple(bounds))
    expected = [point for point in here.search_space.grid() if all(each.holds(point) for each in bounds)]
    assert list(allowed_points(here)) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_ax_is_told_numbers_that_it_can_square_in_their_order(value: float) -> None:
    assert math.isfinite(told(value) ** 2)
    assert told(value) == value or abs(value) > LARGEST
    assert meant(told(value)) == pytest.approx(value, rel=1e-9)
    assert (told(value) < told(LARGEST)) == (value < LARGEST)
    assert all(map(math.isfinite, told_measured((value, 1e200))))  # type: ignore[arg-type]


def test_a_volume_beyond_all_numbers_is_the_largest_one() -> None:
    points = np.array([[1e200, 1e200], [2e200, 0.0]])
    for reference in (np.array([-1e200, -1e200]), np.array([-sys.float_info.max, -sys.float_info.max])):
        assert hypervolume(points, reference) == sys.float_info.max


@pytest.mark.slow
def test_metrics_of_any_size_have_a_model_and_figures() -> None:
    size = 1e200
    here = problem("x=interval(0, 1)", "y=interval(0, 1)", objectives=TWO)
    optimizer, trials = AxOptimizer(here, seed=1), []
    for index in range(8):
        candidate = optimizer.ask(index)
        assert candidate
        assert candidate.model_failed is None
        point = candidate.parameterization
        outcome = {"f": size * (point["x"] - 0.3) ** 2, "g": -size * point["y"] ** 2}
        trials.append(Trial(index, point).to(TrialStatus.COMPLETED, outcome=outcome))
        optimizer.tell(trials[-1])
    assert candidate.generation_node == "MBM"
    assert 0 < hypervolume_of(trials, here) <= sys.float_info.max
    model = Model(here, "auto", 1, trials)
    folds = model.cross_validation()["f"]
    assert folds["observed"] == pytest.approx([trial.outcome["f"] for trial in trials if trial.outcome], rel=1e-6)
    assert math.isfinite(folds["r2"])
    assert model.importances("f")[0]["parameter"] == "x"
    means, _ = model.predict([trials[0].parameterization])["f"]
    assert size / 1e3 < means[0] < size
