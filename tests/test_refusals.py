"""What Ax would refuse is refused before the first job, and nothing that Ax takes."""

import itertools
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from ax_moo.optimizer.base import Method
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.bayes.ax_problem import aliases
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.optimizer.refusals import check_ax_takes
from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.one_hydra

Y = "y=interval(0, 1)"
BIG = 2**53
NARROW = "x: there are fewer than 1000 numbers in double precision between the bounds"
LOGARITHM = "has the same logarithm at both ends"
WIDE = "wider than a number can be"
MANY = "Ax takes at most 1000"
SAME = "the same number in double precision"
UNLIKE = "the terms differ too much in size"
ONE_POINT = "only one point of "
NONE_MEETS = "no point of the search space meets all the constraints"

REFUSED: list[tuple[str, tuple[str, ...], str]] = [
    ("x=interval(1, 1.0000000000000002)", (), NARROW),
    ("x=interval(0, 5e-324)", (), NARROW),
    ("x=tag(log, interval(1e10, 10000000000.000002))", (), LOGARITHM),
    ("x=tag(log, interval(1e15, 1000000000000000.5))", (), LOGARITHM),
    ("x=int(tag(log, interval(1000000000000000, 1000000000000001)))", (), LOGARITHM),
    ("x=interval(-1e308, 1e308)", (), WIDE),
    (f"x=int(interval({-(10**308)}, {10**308}))", (), WIDE),
    (f"x=choice({', '.join(map(str, range(1001)))})", (), MANY),
    ("x=range(0, 5005, 5)", (), MANY),
    (f"x=choice({BIG + 1}, {BIG}.0)", (), SAME),
    (f"x=int(interval({BIG}, {BIG + 1}))", (), SAME),
    ("x=interval(0, 1)", ("1e300*x + y <= 1",), UNLIKE),
    ("x=interval(0, 1e16)", ("x + y <= 1",), UNLIKE),
    ("x=interval(0, 1)", ("x <= 0",), ONE_POINT),
    ("x=interval(0, 1)", ("x + y >= 2",), ONE_POINT),
    ("x=tag(log, interval(1e-4, 1))", ("x <= 1e-4",), ONE_POINT),
    ("x=int(interval(0, 9))", ("x >= 0.25", "x <= 0.5"), NONE_MEETS),
    ("x=int(interval(0, 9))", ("x - y >= 0.25", "x <= 0.75", "y <= 0.5", "x + y >= 0.1"), NONE_MEETS),
]
SLOW = (ONE_POINT, NONE_MEETS)
"""Ax draws for a minute where one point meets the constraints, and for ever where no whole numbers do."""
SCALED_OR_DRAWN = (NARROW, LOGARITHM, UNLIKE)
"""Ax gets such ranges scaled, and points of such constraints are drawn without it; a model would tell none apart."""
TAKEN: list[tuple[str, tuple[str, ...]]] = [
    ("x=interval(0, 1.5e-5)", ()),
    ("x=interval(0, 1.4999e-5)", ()),
    ("x=interval(1, 1.000000001)", ()),
    ("x=interval(0, 1e-6)", ("2e6*x + y <= 2",)),
    ("x=tag(log, interval(1e-10, 1e-7))", ()),
    ("x=tag(log, interval(1e-8, 1e-5))", ("x <= 1e-6",)),
    ("x=tag(log, interval(1, 1.00002))", ("x >= 1.00001",)),
    ("x=interval(-8.9e307, 8.9e307)", ()),
    ("x=interval(0, 1.7976931348623157e308)", ()),
    ("x=tag(log, interval(5e-324, 1.7976931348623157e308))", ()),
    ("x=tag(log, interval(1, 1.0001))", ()),
    (f"x=int(interval({BIG}, {BIG + 2}))", ()),
    (f"x=int(interval({-(2**70)}, {2**70}))", ()),
    (f"x=choice({BIG + 1}, {BIG}.0, 0.5)", ()),
    (f"x=choice({', '.join(map(str, range(1000)))})", ()),
    ("x=choice('', null, 1e308)", ()),
    ("x=choice(a)", ()),
    ("x=int(interval(0, 9))", ("x >= 0.25", "x <= 1.5")),
    ("x=int(interval(0, 9))", ("x <= 0",)),
    ("x=interval(0, 1)", ("x + y >= 1.9999999999",)),
    ("x=interval(0, 1)", ("1e-20*x + y <= 1",)),
    ("x=interval(0, 1)", ("1e-300*x <= 1e-301*y",)),
    ("x=interval(0, 1e12)", ("x + y <= 1",)),
]


def _is_taken_by_ax(space: str, constraints: tuple[str, ...], method: Method) -> bool:
    """Whether Ax proposes points of the space for the first trials."""
    here = problem(space, Y, objectives=TWO_OBJECTIVES, parameter_constraints=constraints)
    try:
        ax = AxOptimizer(here, method, seed=0, n_initial=3 if method.has_model else None)
        candidates = [ax.ask(index) for index in range(3)]
    except Exception:
        return False
    return all(c is not None and here.search_space.contains(c.parameterization) for c in candidates)


@pytest.mark.parametrize(("space", "constraints", "why"), REFUSED)
def test_what_ax_refuses_is_refused(space: str, constraints: tuple[str, ...], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        _checked(space, constraints)


def _checked(space: str, constraints: tuple[str, ...]) -> None:
    here = problem(space, Y, objectives=TWO_OBJECTIVES, parameter_constraints=constraints)
    check_ax_takes(here, Method.AUTO)


@pytest.mark.parametrize(
    ("space", "constraints"), [each[:2] for each in REFUSED if each[2] not in (*SLOW, *SCALED_OR_DRAWN)]
)
def test_it_is_refused_because_ax_would_fail(space: str, constraints: tuple[str, ...]) -> None:
    assert not all(_is_taken_by_ax(space, constraints, method) for method in (Method.AUTO, Method.SOBOL))


@pytest.mark.parametrize(("space", "constraints"), TAKEN)
def test_what_ax_takes_is_not_refused(space: str, constraints: tuple[str, ...]) -> None:
    _checked(space, constraints)
    assert _is_taken_by_ax(space, constraints, Method.AUTO)


EXPONENTS = st.integers(-320, 308)
NUMBERS = st.builds(
    lambda sign, digit, exponent: float(f"{sign}{digit}e{exponent}"),
    st.sampled_from("+-"),
    st.integers(0, 9),
    EXPONENTS,
)
BOUNDS = st.one_of(
    st.tuples(NUMBERS, NUMBERS),
    st.builds(lambda low, room: (low, low + room), NUMBERS, NUMBERS),
    st.builds(lambda low, ulps: (low, low * (1 + ulps * 2.0**-52)), NUMBERS, st.integers(1, 2**20)),
)


@given(bounds=BOUNDS, is_log=st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_range_is_refused_exactly_where_ax_or_the_design_has_no_use_for_it(
    bounds: tuple[float, float], is_log: bool
) -> None:
    lower, upper = sorted(bounds)
    try:
        here = problem(f"x=tag(log, interval({lower!r}, {upper!r}))" if is_log else f"x=interval({lower!r}, {upper!r})")
    except ConfigError:
        return
    try:
        check_ax_takes(here, Method.AUTO)
        is_refused = False
    except ConfigError as error:
        if "fewer than 1000 numbers" in str(error) or LOGARITHM in str(error):
            return  # Ax would take them for many
        is_refused = True
    assert is_refused == (not _has_points(here))


def _has_points(here: Any) -> bool:
    try:
        AxOptimizer(here, seed=0)
        design = InitialDesign(here, Method.SOBOL, seed=0)
        for _ in range(3):
            candidate = design.ask()
            if candidate is not None and not here.search_space.contains(candidate.parameterization):
                return False
    except Exception:
        return False
    return True


@pytest.mark.parametrize("method", [Method.SOBOL, Method.RANDOM])
def test_a_method_without_a_model_takes_what_only_ax_would_refuse(method: Method) -> None:
    for space, constraints, why in REFUSED:
        if constraints or why not in (NARROW, MANY):
            continue
        here = problem(space)
        if why is NARROW or "range" in space:
            check_ax_takes(here, method)
            candidate = InitialDesign(here, method, seed=0).ask()
            assert candidate is not None
            assert here.search_space.contains(candidate.parameterization)
    with pytest.raises(ConfigError, match=WIDE):
        check_ax_takes(problem("x=interval(-1e308, 1e308)"), method)


def test_a_grid_needs_none_of_this() -> None:
    check_ax_takes(problem(f"x=choice({', '.join(map(str, range(2000)))})"), Method.GRID)


NAMES = ["lambda", "a b", "parameter_0", "parameter_1", "print", "E", "x.y", "S", "y", "metric_0", "metric_1", "id"]


def test_ax_takes_objectives_of_any_names() -> None:
    for names in itertools.permutations(NAMES, 2):
        AxOptimizer(problem(objectives={name: {"direction": "minimize"} for name in names}), seed=0)


def test_every_name_of_a_parameter_has_another_in_ax() -> None:
    for names in itertools.permutations(NAMES, 4):
        assert len({*aliases(names, "parameter").values()}) == 4


def test_two_bounds_that_leave_a_metric_one_value_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"outcome_constraints: 'm >= 1' and 'm <= 1' leave m one value"):
        problem(objectives=TWO_OBJECTIVES, outcome_constraints=["m <= 1", "m >= 1"])
