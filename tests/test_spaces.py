"""Whatever the space: a sweep gets as many different points that meet the constraints as it asks for, or the truth.

The truth is a mistake that is named before the first trial, or that all points were tried, where they were.
"""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from fakes import problem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ax_moo.optimizer.base import Candidate, Method, SearchSpaceExhausted
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.points.keys import key
from ax_moo.optimizer.refusals import check_ax_takes
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Choice, Fixed, Parameter, Range, SearchSpace
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

KINDS = (
    "interval(0, 1)",
    "interval(-3, 5.5)",
    "interval(0, 1e-6)",
    "int(interval(0, 10))",
    "int(interval(-2, 3))",
    "int(interval(1, 1000000000))",
    "range(0, 1.01, 0.25)",
    "range(2, 12, 3)",
    "tag(log, interval(1e-10, 1e-7))",
    "tag(log, interval(1e-4, 1))",
    "tag(log, interval(1e-3, 10))",
    "int(tag(log, interval(1, 64)))",
    "int(tag(log, interval(2, 9)))",
    "choice(p, q, r)",
    "choice(1, 2)",
    "choice(7)",
)
NAMES = "abcde"
TRUE_OF_A_POINT = ("only one point", "range with a step", "differ too much in size")


@st.composite
def spaces(draw: Any) -> tuple[list[str], list[str], dict[str, Any]]:
    """Parameters, constraints that a point meets, and this point."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
    parameters = [f"{name}={kind}" for name, kind in zip(NAMES, kinds, strict=False)]
    space = SearchSpace.from_config({}, ["z=choice(0, 1)", *parameters])
    point = {p.name: _value(p, random.Random(draw(st.integers(0, 10**6)))) for p in space.parameters}
    constraints = []
    for _ in range(draw(st.integers(0, 3))):
        ranges = [p for p in space.parameters if isinstance(p, Range)]
        if len(ranges) > 0:
            constraints.append(_constraint(draw, ranges, point))
    return ["z=choice(0, 1)", *parameters], constraints, point


def _value(parameter: Parameter, generator: random.Random) -> Any:
    match parameter:
        case Choice():
            return generator.choice(parameter.values)
        case Fixed():
            return parameter.value
    if parameter.is_finite:
        values = parameter.values()
        return values[generator.randrange(len(values))]
    return generator.uniform(parameter.lower, parameter.upper)


def _constraint(draw: Any, ranges: Sequence[Range], point: dict[str, Any]) -> str:
    first = draw(st.sampled_from(ranges))
    op = draw(st.sampled_from(["<=", ">=", "=="]))
    alike = [p for p in ranges if p.log_scale == first.log_scale and p is not first]
    if first.log_scale:
        other = draw(st.sampled_from([None, *alike]))
        if other is None:
            return f"{first.name} {op} {point[first.name]!r}"
        return f"{point[other.name]!r}*{first.name} {op} {point[first.name]!r}*{other.name}"
    others = draw(st.lists(st.sampled_from(alike), unique=True, max_size=3)) if alike else []
    weights = {p.name: draw(st.sampled_from([1, 1, 1, 2, 3, 0.5, -1])) for p in (first, *others)}
    bound = sum(weight * point[name] for name, weight in weights.items())
    if op != "==":
        room = draw(st.sampled_from([0, 0.5, 2]))
        bound += room if op == "<=" else -room
    return f"{' + '.join(f'{weight}*{name}' for name, weight in weights.items())} {op} {bound!r}".replace("+ -", "- ")


def _checked(parameters: list[str], constraints: list[str], method: Method) -> Problem | None:
    """The problem; None where it is refused for a reason that can be true of constraints that a point meets."""
    refusal = None
    try:
        here = problem(*parameters, parameter_constraints=constraints)
        check_ax_takes(here, method)
    except ConfigError as error:
        refusal = str(error)
    assert refusal is None or any(why in refusal for why in TRUE_OF_A_POINT), refusal
    return here if refusal is None else None


def _asked(here: Problem, method: Method, number: int) -> list[Candidate]:
    """Different points that meet the constraints: the number, or all."""
    optimizer = AxOptimizer(here, method, seed=3)
    candidates: list[Candidate] = []
    for index in range(number):
        try:
            candidate = optimizer.ask(index)
        except SearchSpaceExhausted:
            assert _all_points(here) == {key(each.parameterization) for each in candidates}
            break
        assert candidate is not None
        candidates.append(candidate)
        assert here.search_space.contains(candidate.parameterization)
        assert all(constraint.holds(candidate.parameterization) for constraint in here.parameter_constraints)
        trial = Trial(index, candidate.parameterization, generation_node=candidate.generation_node, arm=candidate.arm)
        size = sum(value for value in candidate.parameterization.values() if isinstance(value, (int, float)))
        if index % 3 < 2:  # others run
            optimizer.tell(trial.to(TrialStatus.COMPLETED, outcome={"objective": size % 7}))
    assert len({key(candidate.parameterization) for candidate in candidates}) == len(candidates)
    return candidates


def _all_points(here: Problem) -> set[str]:
    """Every point of a finite space, found by trying; one continuous parameter follows from an equality."""
    free = [p for p in here.search_space.parameters if p.name not in here.solution.computed]
    values = [p.values() if isinstance(p, Range) else getattr(p, "values", None) or (p.value,) for p in free]
    points = (dict(zip([p.name for p in free], point, strict=True)) for point in itertools.product(*values))
    found = (here.points.point(point) for point in points)
    return {key(point) for point in found if point is not None}


# The same examples each time: more of them are tried by hand, with max_examples raised and without derandomize.
QUICK = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@QUICK
@given(space=spaces(), method=st.sampled_from([Method.SOBOL, Method.RANDOM]))
def test_a_search_without_a_model_gets_different_points_that_meet_the_constraints(
    space: tuple[list[str], list[str], dict[str, Any]], method: Method
) -> None:
    parameters, constraints, point = space
    if (here := _checked(parameters, constraints, method)) is not None:
        assert all(constraint.holds(point) for constraint in here.parameter_constraints)
        _asked(here, method, 6)


@settings(QUICK, max_examples=20)
@given(space=spaces())
def test_the_grid_of_any_finite_space_is_exactly_the_points_that_meet_the_constraints(
    space: tuple[list[str], list[str], dict[str, Any]],
) -> None:
    parameters, constraints, _ = space
    here = _checked(parameters, constraints, Method.GRID)
    if here is None or not here.points.is_finite or (number := here.points.number()) is None or number > 60:
        return
    assert len(_asked(here, Method.GRID, number + 1)) == number


@pytest.mark.slow  # fits of a model for a quarter of a minute of CPU
@settings(QUICK, max_examples=2)
@given(space=spaces())
def test_a_search_with_a_model_gets_different_points_that_meet_the_constraints(
    space: tuple[list[str], list[str], dict[str, Any]],
) -> None:
    parameters, constraints, _ = space
    if (here := _checked(parameters, constraints, Method.AUTO)) is not None:
        _asked(here, Method.AUTO, 7)
