"""The points of a finite space that meet its parameter constraints, without a look at those that cannot."""

import math
from collections.abc import Iterator, Mapping, Sequence

from ax_moo.problem.problem import ParameterConstraint, Problem
from ax_moo.search_space.space import Choice, Fixed, Parameter, Range
from ax_moo.trial import Parameterization, ParameterValue

_ROUNDS = 10
"""How often the bounds of all parameters are made closer; later rounds change little."""

Bounds = dict[str, tuple[float, float]]


def allowed_points(problem: Problem) -> Iterator[Parameterization]:
    """Every point that meets the constraints; the first parameter changes slowest.

    Values for which no others meet a constraint are passed over, so that a range of a thousand million whole numbers is
    not gone through in search of a point. ConfigError if the space is not finite.
    """
    space, constraints = problem.search_space, problem.parameter_constraints
    if not constraints:
        return space.grid()
    space.grid_size()
    bounds = {p.name: (p.lower, p.upper) for p in space.parameters if isinstance(p, Range)}
    for _ in range(_ROUNDS):
        bounds = {name: _closer(name, bounds, constraints, {}) for name in bounds}
        if any(low > high for low, high in bounds.values()):
            return iter(())
    return _below(space.parameters, {}, bounds, constraints)


def _below(
    parameters: Sequence[Parameter],
    point: dict[str, ParameterValue],
    bounds: Bounds,
    constraints: Sequence[ParameterConstraint],
) -> Iterator[Parameterization]:
    """The allowed points that begin like this one; ``parameters`` are those that it does not have yet."""
    if not parameters:
        if all(c.holds(point) for c in constraints):
            yield point
        return
    first, *others = parameters
    for value in _values(first, point, bounds, constraints):
        yield from _below(others, {**point, first.name: value}, bounds, constraints)


def _values(
    parameter: Parameter, point: Parameterization, bounds: Bounds, constraints: Sequence[ParameterConstraint]
) -> Sequence[ParameterValue]:
    if isinstance(parameter, Choice):
        return parameter.values
    if isinstance(parameter, Fixed):
        return (parameter.value,)
    if parameter.step is not None:
        return parameter.values()
    low, high = _closer(parameter.name, bounds, constraints, point)
    return range(int(low), int(high) + 1)


def _closer(
    name: str, bounds: Bounds, constraints: Sequence[ParameterConstraint], point: Parameterization
) -> tuple[float, float]:
    """The whole numbers between which the parameter lies where the others are at their best for each constraint."""
    low, high = bounds[name]
    for constraint in constraints:
        weights = dict(constraint.terms)
        weight = weights.pop(name, 0.0)
        if not weight:
            continue
        others = [_least(each, other, bounds, point) for other, each in weights.items()]
        room = (constraint.bound - math.fsum(others) + _tolerance(constraint)) / weight
        if math.isfinite(room):
            low, high = (low, min(high, math.floor(room))) if weight > 0 else (max(low, math.ceil(room)), high)
    return low, high


def _least(weight: float, name: str, bounds: Bounds, point: Mapping[str, ParameterValue]) -> float:
    value = point.get(name, bounds[name][0 if weight > 0 else 1])
    return weight * float(value)


def _tolerance(constraint: ParameterConstraint) -> float:
    """More than that of the constraint itself, which has the last word."""
    return 1e-8 * max(1.0, abs(constraint.bound), *(abs(weight) for _, weight in constraint.terms))
