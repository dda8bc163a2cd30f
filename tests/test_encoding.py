import math

import pytest
from fakes import problem
from hypothesis import given, settings
from hypothesis import strategies as st

from ax_moo.optimizer.encoding import SpaceEncoding
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Choice, Fixed, Range, SearchSpace

pytestmark = pytest.mark.hydra_free


def _over(*parameters: Range | Choice | Fixed) -> SpaceEncoding:
    return SpaceEncoding(Problem.from_config(SearchSpace(parameters, ()), {}, [], []))


def test_plain_parameters_are_the_same_on_both_sides() -> None:
    plain = _over(Range("lr", 1e-4, 1e-2, "float", log_scale=True), Choice("opt", ("adam", "sgd"), False))
    point = {"lr": 0.001, "opt": "sgd"}
    assert plain.to_arm(point) == point
    assert plain.to_parameterization(point) == point
    assert not plain.lose_precision


def test_fixed_parameters_are_no_axis_and_come_back_in_their_place() -> None:
    mixed = _over(Fixed("a", [1, 2]), Range("b", 0, 1, "float"))
    assert [axis.name for axis in mixed.axes] == ["b"]
    assert list(mixed.to_parameterization({"b": 0.5}).items()) == [("a", [1, 2]), ("b", 0.5)]


@pytest.mark.parametrize(
    "values", [(None, 1, "1", True), ([1, 2], [1]), ({"a": 1}, {}), (1, 2.5), (True, False), (1, True), ("x", "é'\"")]
)
def test_choices_of_any_values_come_back_with_their_types(values: tuple[object, ...]) -> None:
    chosen = _over(Choice("c", values, False), Range("b", 0, 1, "float"))
    for value in values:
        arm = chosen.to_arm({"c": value, "b": 0.0})
        back = chosen.to_parameterization(arm)["c"]
        assert (type(back), back) == (type(value), value)
    assert len({type(v) for v in chosen.axes[0].values}) == 1


def test_a_range_with_a_step_is_an_ordered_choice() -> None:
    stepped = _over(Range("k", 1, 7, "int", step=2), Range("f", 0.0, 0.3, "float", step=0.1))
    assert [axis.values for axis in stepped.axes] == [(1, 3, 5, 7), (0.0, 0.1, 0.2, 0.3)]
    assert all(axis.is_ordered for axis in stepped.axes)


LOGS = ("h1=int(tag(log, interval(16, 128)))", "h2=int(tag(log, interval(16, 128)))", "x=interval(0, 1)")


def test_log_scale_parameters_of_a_constraint_become_their_logarithms() -> None:
    constrained = SpaceEncoding(problem(*LOGS, parameter_constraints=["h2 <= h1"]))
    assert [axis.log_scale for axis in constrained.axes] == [False, False, False]
    assert constrained.axes[0].bounds == pytest.approx((math.log10(16), math.log10(128)))
    assert constrained.to_arm({"h1": 100, "h2": 16, "x": 0.5})["h1"] == 2.0
    assert constrained.lose_precision


@settings(max_examples=300, deadline=None)
@given(
    u=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    slack=st.floats(-1e-9, 0),
    factor=st.sampled_from(["", "2 * ", "0.7 * "]),
)
def test_rounding_keeps_a_log_scale_constraint_exactly(u: tuple[float, float], slack: float, factor: str) -> None:
    constrained = problem(*LOGS, parameter_constraints=[f"h2 <= {factor}h1"])
    coordinates = SpaceEncoding(constrained)
    (axis, _, _) = coordinates.axes
    low, high = axis.bounds or (0, 0)
    offset = math.log10(float(factor.removesuffix(" * ") or 1))
    h1 = low + u[0] * (high - low)
    highest = min(high, h1 + offset)
    if highest < low:
        return
    arm = {"h1": h1, "h2": min(high, highest - u[1] * (highest - low) - slack), "x": 0.0}
    point = coordinates.to_parameterization(arm)
    assert all(c.holds(point) for c in constrained.parameter_constraints)
    assert 16 <= point["h1"] <= 128
    assert isinstance(point["h2"], int)


def test_whole_numbers_of_more_than_64_bits_are_searched_as_text() -> None:
    huge = _over(Choice("n", (2, 2**64 + 1), False))
    assert huge.to_arm({"n": 2**64 + 1}) == {"n": "18446744073709551617"}
    assert huge.to_parameterization({"n": "18446744073709551617"}) == {"n": 2**64 + 1}


ARMS = st.fixed_dictionaries(
    {"h1": st.floats(math.log10(16), math.log10(128)), "h2": st.floats(math.log10(16), 2.0), "x": st.floats(0, 1)}
)


@settings(max_examples=200, deadline=None)
@given(arm=ARMS, other=ARMS)
def test_an_arm_belongs_to_the_parameterization_that_came_from_it(
    arm: dict[str, float], other: dict[str, float]
) -> None:
    constrained = SpaceEncoding(problem(*LOGS, parameter_constraints=["h2 <= h1"]))
    point = constrained.to_parameterization(arm)
    assert constrained.belong_together(arm, point)
    is_near = abs(arm["x"] - other["x"]) < 1e-8 and all(abs(10 ** arm[h] - 10 ** other[h]) < 3 for h in ("h1", "h2"))
    assert is_near or not constrained.belong_together(other, point)


@pytest.mark.parametrize(
    "arm", [{}, {"b": 0.5}, {"b": "0.5", "c": "x"}, {"b": 0.5, "c": "z"}, {"b": 0.5, "c": None}, {"b": [0.5], "c": "x"}]
)
def test_what_is_no_arm_belongs_to_nothing(arm: dict[str, object]) -> None:
    mixed = _over(Range("b", 0, 1, "float"), Choice("c", ("x", "y"), False))
    assert not mixed.belong_together(arm, {"b": 0.5, "c": "x"})
    assert mixed.belong_together({"b": 0.5, "c": "x"}, {"b": 0.5, "c": "x"})


@pytest.mark.parametrize("power", [10**9, 10**400, 1e300, math.nan, math.inf])
def test_an_arm_that_is_too_large_belongs_to_nothing_and_takes_no_time(power: float) -> None:
    constrained = SpaceEncoding(problem(*LOGS, parameter_constraints=["h2 <= h1"]))
    assert not constrained.belong_together({"h1": power, "h2": power, "x": 0.5}, {"h1": 16, "h2": 16, "x": 0.5})
