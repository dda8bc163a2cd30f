"""Equalities are solved for some parameters, which are computed from the others.

An equality is one that is written as such, or inequalities that leave no room together (``a + b <= 1`` and
``2*a + 2*b >= 2``). The arithmetic is that of fractions, so that whole numbers are computed exactly.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ax_moo.problem.constraints import ParameterConstraint
from ax_moo.problem.coordinates import NO_ROOM, Coordinate, Row, exact, row_of
from ax_moo.search_space.space import Range, SearchSpace

_LEAST_WEIGHT = 1e-8
INFEASIBLE = 2
"""The status by which SciPy's solvers say that there is no solution."""


@dataclass(frozen=True)
class Computed:
    """A coordinate that is the sum of weight * coordinate over free ones, and a constant."""

    weights: Mapping[str, Fraction]
    constant: Fraction

    def at(self, coordinates: Mapping[str, float]) -> Fraction:
        terms = (weight * exact(coordinates[name]) for name, weight in self.weights.items())
        return sum(terms, self.constant)


@dataclass(frozen=True)
class Solution:
    """``rows`` are the constraints on the free coordinates, with the bounds of the computed ones among them.

    ``unsolved`` are equalities of whole numbers that no parameter can be computed from (``2*a + 3*b == 12``).
    """

    coordinates: Mapping[str, Coordinate]
    rows: Sequence[Row] = ()
    computed: Mapping[str, Computed] = field(default_factory=dict)
    unsolved: Sequence[Row] = ()
    has_equalities: bool = False
    constraints: Sequence[ParameterConstraint] = ()

    @property
    def free(self) -> list[str]:
        return [name for name in self.coordinates if name not in self.computed]

    def completed(self, values: Mapping[str, Any]) -> dict[str, float]:
        """The values of the computed parameters, within their bounds, from those of the free ones."""
        used = {name for each in self.computed.values() for name in each.weights}
        at = {name: self.coordinates[name].of(values[name]) for name in used}
        completed = {name: self.coordinates[name].value(each.at(at)) for name, each in self.computed.items()}
        for name, value in completed.items():
            options = ({**completed, name: meant} for meant in self.coordinates[name].meant(value))
            completed = next((each for each in options if self._holds({**values, **each})), completed)
        return completed

    def _holds(self, values: Mapping[str, Any]) -> bool:
        return all(constraint.holds(values) for constraint in self.constraints)


def constrained_coordinates(constraints: Sequence[ParameterConstraint], space: SearchSpace) -> dict[str, Coordinate]:
    names = {name for constraint in constraints for name in constraint.names}
    return {p.name: Coordinate(p) for p in space.parameters if isinstance(p, Range) and p.name in names}


def solve(constraints: Sequence[ParameterConstraint], space: SearchSpace) -> Solution:
    """Solve the equalities among the constraints, which some point of the space must meet."""
    coordinates = constrained_coordinates(constraints, space)
    rows = [row_of(constraint, coordinates) for constraint in constraints]
    if len(rows) > 1 or any(row.is_equality for row in rows):
        rows = _with_found_equalities(rows, coordinates)
    equalities = [row for row in rows if row.is_equality]
    if not equalities:
        return Solution(coordinates, rows)
    computed, unsolved = _eliminated(equalities, coordinates)
    kept = [_in_free(row, computed) for row in rows if not row.is_equality]
    kept += [row for name, each in computed.items() for row in _bounds_of(coordinates[name], each)]
    binding = [row for row in kept if not _holds_everywhere(row, coordinates)]
    return Solution(coordinates, binding, computed, [_in_free(row, computed) for row in unsolved], True, constraints)


def linear_program(
    rows: Sequence[Row],
    coordinates: Mapping[str, Coordinate],
    target: Mapping[str, float] | None = None,
    box: Mapping[str, tuple[float, float]] | None = None,
) -> Any:
    """SciPy's result of minimising ``target`` under the rows, with each coordinate scaled to the unit interval.

    ``box`` has closer bounds, in the unit interval.
    """
    import numpy as np
    from scipy.optimize import linprog

    names, matrix, limits, equal_ones = list(coordinates), [], [], []
    for row in rows:
        for weights, limit, is_equality in _solvable(row, coordinates):
            matrix.append([weights.get(name, 0.0) for name in names])
            limits.append(limit)
            equal_ones.append(is_equality)
    equal = np.array(equal_ones, dtype=bool)
    table, sides = np.array(matrix).reshape(len(limits), len(names)), np.array(limits)
    parts = {"A_ub": table[~equal], "b_ub": sides[~equal], "A_eq": table[equal], "b_eq": sides[equal]}
    return linprog(
        [(target or {}).get(name, 0.0) for name in names],
        **{key: part if len(part) else None for key, part in parts.items()},
        bounds=[(box or {}).get(name, (0.0, 1.0)) for name in names],
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )


def scaled(row: Row, coordinates: Mapping[str, Coordinate]) -> tuple[dict[str, float], float]:
    """The row for coordinates of the unit interval, with weights of at most 1."""
    size = row.size(coordinates) or Fraction(1)
    bound = row.bound - sum((w * coordinates[name].bounds[0] for name, w in row.weights.items()), Fraction(0))
    return {name: float(w * coordinates[name].width / size) for name, w in row.weights.items()}, float(bound / size)


def _solvable(row: Row, coordinates: Mapping[str, Coordinate]) -> Iterator[tuple[dict[str, float], float, bool]]:
    """The scaled row without weights that the solver takes for 0; what they could add is room instead."""
    weights, limit = scaled(row, coordinates)
    kept = {name: weight for name, weight in weights.items() if abs(weight) > _LEAST_WEIGHT}
    small = [weight for name, weight in weights.items() if name not in kept]
    if row.is_equality and small:
        yield {name: -weight for name, weight in kept.items()}, -limit + sum(max(w, 0.0) for w in small), False
    yield kept, limit - sum(min(w, 0.0) for w in small), row.is_equality and not small


def is_infeasible(rows: Sequence[Row], coordinates: Mapping[str, Coordinate]) -> bool:
    return bool(linear_program(rows, coordinates).status == INFEASIBLE)


def _with_found_equalities(rows: Sequence[Row], coordinates: Mapping[str, Coordinate]) -> list[Row]:
    """The rows, with an equality in place of each inequality whose sum has no room below its bound."""
    found = [row if row.is_equality or _has_room(row, rows, coordinates) else _equal(row) for row in rows]
    if any(row.is_equality for row in found):
        found += [row for name in coordinates for row in _without_room(name, found, coordinates)]
    return found


def _equal(row: Row) -> Row:
    return Row(row.weights, row.bound, is_equality=True)


def _has_room(row: Row, rows: Sequence[Row], coordinates: Mapping[str, Coordinate]) -> bool:
    weights, limit = scaled(row, coordinates)
    result = linear_program(rows, coordinates, weights)
    return not result.success or limit - result.fun > NO_ROOM


def _without_room(name: str, rows: Sequence[Row], coordinates: Mapping[str, Coordinate]) -> list[Row]:
    """That a coordinate has the value of one of its bounds, if no other is left to it."""
    least, most = (linear_program(rows, coordinates, {name: sign}) for sign in (1.0, -1.0))
    if not least.success or not most.success or -most.fun - least.fun > NO_ROOM:
        return []
    for bound, at in zip(coordinates[name].bounds, (0.0, 1.0), strict=True):
        if abs(least.fun - at) <= NO_ROOM:
            return [Row({name: Fraction(1)}, bound, is_equality=True)]
    return []


def _eliminated(
    equalities: Sequence[Row], coordinates: Mapping[str, Coordinate]
) -> tuple[dict[str, Computed], list[Row]]:
    computed: dict[str, Computed] = {}
    unsolved: list[Row] = []
    # Rows with a continuous coordinate last: it can be computed from anything.
    for row in sorted(equalities, key=lambda row: not all(coordinates[name].is_whole for name in row.weights)):
        left = _in_free(row, computed)
        pivot = _pivot(left, coordinates)
        if pivot is None:
            if left.weights:
                unsolved.append(left)
            continue
        factor = left.weights[pivot]
        weights = {name: -weight / factor for name, weight in left.weights.items() if name != pivot}
        constant = left.bound / factor
        for name, each in computed.items():
            again = Row(each.weights, -each.constant).replaced(pivot, weights, constant)
            computed[name] = Computed(again.weights, -again.bound)
        computed[pivot] = Computed(weights, constant)
    return computed, unsolved


def _in_free(row: Row, computed: Mapping[str, Computed]) -> Row:
    for name, each in computed.items():
        row = row.replaced(name, each.weights, each.constant)
    return row


def _pivot(row: Row, coordinates: Mapping[str, Coordinate]) -> str | None:
    """The coordinate to compute: a continuous one, or a whole one that is whole whatever the others are."""
    continuous = [name for name in row.weights if not coordinates[name].range.is_finite]
    if continuous:
        return max(continuous, key=lambda name: abs(row.weights[name]) * coordinates[name].width)
    for name in reversed([name for name in coordinates if name in row.weights]):
        if _is_whole_for_all(row, name, coordinates):
            return name
    return None


def _is_whole_for_all(row: Row, name: str, coordinates: Mapping[str, Coordinate]) -> bool:
    factor = row.weights[name]
    if not coordinates[name].is_log:
        others = all(coordinates[other].is_whole for other in row.weights)
        return others and all((each / factor).denominator == 1 for each in (*row.weights.values(), row.bound))
    # A logarithm of whole numbers: the value is a multiple of the other one, or a constant.
    value = 10 ** float(row.bound / factor)
    return len(row.weights) == 1 or (len(row.weights) == 2 and math.isclose(value, round(value), rel_tol=1e-12))


def _bounds_of(coordinate: Coordinate, computed: Computed) -> list[Row]:
    lower, upper = coordinate.bounds
    negative = {name: -weight for name, weight in computed.weights.items()}
    return [Row(computed.weights, upper - computed.constant), Row(negative, computed.constant - lower)]


def _holds_everywhere(row: Row, coordinates: Mapping[str, Coordinate]) -> bool:
    negative = Row({name: -weight for name, weight in row.weights.items()}, Fraction(0))
    return not row.weights or -negative.least(coordinates) <= row.bound
