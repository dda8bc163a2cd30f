"""The points of a search space that meet the parameter constraints: all of them in turn, how many, and random ones."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ax_moo.problem.closer_bounds import Bounds, FloatRow, closer_bounds, in_floats, inequalities
from ax_moo.problem.constraints import ParameterConstraint
from ax_moo.problem.coordinates import Coordinate
from ax_moo.problem.equalities import Solution, linear_program
from ax_moo.problem.whole_numbers import every_nth, from_on, whole_rows
from ax_moo.search_space.space import Choice, Fixed, Parameter, Range, SearchSpace
from ax_moo.trial import Parameterization, ParameterValue

MOST_COUNTED = 20_000
_MOST_STEPS = 100_000
_MOST_ATTEMPTS = 50
_TOLERANCE = 1e-9


class FeasiblePoints:
    """The points of a problem's search space. Computed parameters follow from the free ones."""

    def __init__(self, space: SearchSpace, constraints: Sequence[ParameterConstraint], solution: Solution) -> None:
        self._names = space.names
        self._constraints = constraints
        self._solution = solution
        self._free = [p for p in space.parameters if p.name not in solution.computed]
        self._rows = [*self._solution.rows, *self._solution.unsolved]
        self._whole = whole_rows(solution.unsolved, solution.coordinates)
        self._steps = 0
        self._closer: Bounds = {}

    @property
    def is_finite(self) -> bool:
        return all(p.is_finite for p in self._free if isinstance(p, Range))

    def number(self) -> int | None:
        """How many points there are; None if they are infinitely many, or too many to count."""
        if not self.is_finite:
            return None
        constrained = [p for p in self._free if p.name in self._solution.coordinates]
        others = math.prod(_size(p) for p in self._free if p not in constrained)
        if others > MOST_COUNTED:
            return None
        found = 0
        for _ in self._points(constrained, _MOST_STEPS):
            found += 1
            if found * others > MOST_COUNTED:
                return None
        return None if self._steps >= _MOST_STEPS else found * others

    def only(self) -> dict[str, ParameterValue] | None:
        """The values of the constrained parameters, if they are the only ones."""
        if not all(p.is_finite for p in self._free if isinstance(p, Range) and p.name in self._solution.coordinates):
            return None
        constrained = [p for p in self._free if p.name in self._solution.coordinates]
        found = []
        for values in self._points(constrained, _MOST_STEPS):
            found.append({**values, **self._solution.completed(values)})
            if len(found) > 1:
                break
        return found[0] if len(found) == 1 and self._steps < _MOST_STEPS else None

    def all(self) -> Iterator[dict[str, ParameterValue]]:
        """Every point of a finite space; the first free parameter changes slowest."""
        return self._points(self._free, most_steps=None)

    def draw(self, generator: random.Random) -> dict[str, ParameterValue] | None:
        """A random point; None if none is found, as can be where the constraints leave few whole numbers."""
        for _ in range(_MOST_ATTEMPTS):
            values = self._drawn(generator)
            if values is not None and (point := self.point(values)) is not None:
                return point
        return None

    def point(self, values: Mapping[str, Any]) -> dict[str, ParameterValue] | None:
        """The point with these values of the free parameters; None if it breaks a constraint."""
        all_values = {**values, **self._solution.completed(values)}
        point = {name: all_values[name] for name in self._names}
        return point if self.is_allowed(point) else None

    def is_allowed(self, point: Parameterization) -> bool:
        return all(constraint.holds(point) for constraint in self._constraints)

    def _points(self, parameters: Sequence[Parameter], most_steps: int | None) -> Iterator[dict[str, ParameterValue]]:
        self._steps = 0
        order = [p.name for p in parameters]
        rows = inequalities(self._rows)
        self._closer = closer_bounds(rows, {name: self._solution.coordinates[name] for name in self._solution.free})
        if any(low > high for low, high in self._closer.values()):
            return
        bounds = [in_floats(row, order, self._closer) for row in rows]
        is_whole = len(parameters) == len(self._free)
        for values in self._walk(parameters, 0, {}, bounds, [0.0] * len(bounds), most_steps):
            point = self.point(values) if is_whole else dict(values)
            if point is not None and (is_whole or self._is_allowed_in_part(point)):
                yield point

    def _is_allowed_in_part(self, values: Mapping[str, Any]) -> bool:
        return self.is_allowed({**values, **self._solution.completed(values)})

    def _walk(
        self,
        parameters: Sequence[Parameter],
        place: int,
        values: dict[str, Any],
        bounds: Sequence[FloatRow],
        sums: Sequence[float],
        most_steps: int | None,
    ) -> Iterator[Mapping[str, Any]]:
        if place == len(parameters):
            yield values
            return
        parameter = parameters[place]
        known = {p.name: values[p.name] for p in parameters[:place]} if self._whole else {}
        for value, coordinate in self._options(parameter, place, known, bounds, sums):
            self._steps += 1
            if most_steps is not None and self._steps >= most_steps:
                return
            values[parameter.name] = value
            new = [total + each.weights[place] * coordinate for total, each in zip(sums, bounds, strict=True)]
            yield from self._walk(parameters, place + 1, values, bounds, new, most_steps)

    def _options(
        self,
        parameter: Parameter,
        place: int,
        known: Mapping[str, Any],
        bounds: Sequence[FloatRow],
        sums: Sequence[float],
    ) -> Iterator[tuple[Any, float]]:
        """The values with which the rest can keep within the bounds, each with its coordinate."""
        coordinate = self._solution.coordinates.get(parameter.name)
        if coordinate is None:
            yield from ((value, 0.0) for value in _values(parameter))
            return
        low, high = map(float, self._closer[parameter.name])
        for each, total in zip(bounds, sums, strict=True):
            room = each.bound - total - each.least_from[place + 1] + each.tolerance
            if each.weights[place] > 0:
                high = min(high, room / each.weights[place])
            elif each.weights[place] < 0:
                low = max(low, room / each.weights[place])
        if (nth := self._nth(parameter.name, known)) is None:
            return
        for number in from_on(_numbers(coordinate, low, high), *nth):
            value = number if coordinate.is_log else coordinate.value(number)
            yield value, coordinate.of(value)

    def _nth(self, name: str, known: Mapping[str, Any]) -> tuple[int, int] | None:
        """Which numbers of a coordinate can meet the equalities of whole numbers, with the known values of others."""
        rows = [row for row in self._whole if name in row.weights]
        at = {
            other: self._solution.coordinates[other].of(known[other])
            for row in rows
            for other in row.weights
            if other in known
        }
        return every_nth(name, rows, {other: int(number) for other, number in at.items()})

    def _drawn(self, generator: random.Random) -> dict[str, Any] | None:
        """Values of the free parameters, one drawn after the other from what the others leave to it."""
        values = {p.name: _random_value(p, generator) for p in self._free if p.name not in self._solution.coordinates}
        names = self._solution.free
        coordinates = {name: self._solution.coordinates[name] for name in names}
        box: dict[str, tuple[float, float]] = {}
        for name in generator.sample(names, len(names)):
            least, most = (linear_program(self._rows, coordinates, {name: sign}, box) for sign in (1.0, -1.0))
            nth = self._nth(name, values)
            if nth is None or not (least.success and most.success):
                return None
            drawn = _between(coordinates[name], least.fun, -most.fun, generator, nth)
            if drawn is None:
                return None
            values[name], at = drawn
            box[name] = (at, at)
        return values


def _numbers(coordinate: Coordinate, low: float, high: float) -> range:
    """The whole numbers of a coordinate's interval; on a log scale those of the values."""
    if not coordinate.is_log:
        return range(math.ceil(low - _TOLERANCE), math.floor(high + _TOLERANCE) + 1)
    if low > high:
        return range(0)
    lower, upper = coordinate.range.lower, coordinate.range.upper
    first, last = (10 ** min(max(each, math.log10(lower)), math.log10(upper)) for each in (low, high))
    return range(max(int(lower), math.ceil(first * (1 - 1e-9))), min(int(upper), math.floor(last * (1 + 1e-9))) + 1)


def _between(
    coordinate: Coordinate, least: float, most: float, generator: random.Random, nth: tuple[int, int] = (0, 1)
) -> tuple[float, float] | None:
    """A value from an interval of the unit interval, and where it is there; every n-th number from the first on."""
    lower, width = (float(each) for each in (coordinate.bounds[0], coordinate.width))
    low, high = lower + min(max(least, 0.0), 1.0) * width, lower + min(max(most, 0.0), 1.0) * width
    if coordinate.range.is_finite:
        numbers = from_on(_numbers(coordinate, low, high), *nth)
        if not numbers:
            return None
        number = numbers[generator.randrange(len(numbers))]
        value = number if coordinate.is_log else coordinate.value(number)
    else:
        value = coordinate.value(generator.uniform(low, max(low, high)))
    return value, min(max((coordinate.of(value) - lower) / width, 0.0), 1.0)


def _random_value(parameter: Parameter, generator: random.Random) -> ParameterValue:
    if isinstance(parameter, Range):
        drawn = _between(Coordinate(parameter), 0.0, 1.0, generator)
        return parameter.lower if drawn is None else drawn[0]
    return generator.choice(_values(parameter))


def _values(parameter: Parameter) -> Sequence[Any]:
    match parameter:
        case Range():
            return parameter.values()
        case Choice():
            return parameter.values
        case Fixed():
            return (parameter.value,)


def _size(parameter: Parameter) -> int:
    values = _values(parameter)
    # len() of a range fails above 2**63.
    return (values[-1] - values[0]) // values.step + 1 if isinstance(values, range) else len(values)
