"""The coordinates of a constrained range, in which its constraints are linear.

They are the value itself, its decimal logarithm on a log scale, or the number of the step.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ax_moo.problem.constraints import ParameterConstraint
from ax_moo.search_space.space import Range

NO_ROOM = 1e-9
"""So little of its range, by which no point differs from another, is no room for a sum."""


def exact(number: float) -> Fraction:
    """The number as it is written: 0.1 is a tenth, and 2**62 has no other last digits."""
    is_whole = isinstance(number, int) or (number.is_integer() and abs(number) < 2**63)
    return Fraction(number) if is_whole else Fraction(repr(float(number)))


@dataclass(frozen=True)
class Coordinate:
    """One range. A coordinate is whole if only whole numbers are valid."""

    range: Range

    @property
    def is_log(self) -> bool:
        return self.range.log_scale

    @property
    def is_whole(self) -> bool:
        return self.range.is_finite and not self.is_log

    @property
    def bounds(self) -> tuple[Fraction, Fraction]:
        lower, upper = self.range.lower, self.range.upper
        if self.is_log:
            return exact(math.log10(lower)), exact(math.log10(upper))
        if self.range.step is not None:
            steps = (exact(upper) - exact(lower)) / exact(self.range.step)
            return Fraction(0), Fraction(math.floor(steps))
        return exact(lower), exact(upper)

    @property
    def width(self) -> Fraction:
        return self.bounds[1] - self.bounds[0]

    def of(self, value: float) -> float:
        """The coordinate of a value."""
        if self.is_log:
            return math.log10(value)
        if self.range.step is not None:
            return round((exact(value) - exact(self.range.lower)) / exact(self.range.step))
        return value

    def value(self, coordinate: float | Fraction) -> float:
        """The value at a coordinate, within the bounds."""
        if self.is_log:
            return self._within(10 ** float(coordinate))
        if self.range.step is not None:
            index = min(max(round(coordinate), 0), int(self.bounds[1]))
            return self.range.accept(float(exact(self.range.lower) + index * exact(self.range.step)))
        return self._within(round(coordinate) if self.range.value_type == "int" else float(coordinate))

    def meant(self, value: float) -> Iterator[float]:
        """The numbers that a computed value may stand for but for rounding, the likeliest first."""
        if self.range.is_finite:
            return
        for bound in (self.range.lower, self.range.upper):
            if abs(self.of(value) - self.of(bound)) <= NO_ROOM * self.width:
                yield bound
        if self.is_log:  # a logarithm and its inverse change the last digits
            yield self._within(float(f"{value:.14g}"))

    def _within(self, value: float) -> float:
        number = round(value) if self.range.value_type == "int" else float(value)
        return min(max(number, self.range.lower), self.range.upper)


@dataclass(frozen=True)
class Row:
    """The sum of weight * coordinate is at most the bound, or equals it."""

    weights: Mapping[str, Fraction]
    bound: Fraction
    is_equality: bool = False

    def least(self, coordinates: Mapping[str, Coordinate]) -> Fraction:
        """The least sum within the bounds."""
        bounds = {name: coordinates[name].bounds for name in self.weights}
        return sum((w * bounds[name][0 if w > 0 else 1] for name, w in self.weights.items()), Fraction(0))

    def size(self, coordinates: Mapping[str, Coordinate]) -> Fraction:
        """The largest change of the sum by one of its coordinates."""
        return max((abs(w) * coordinates[name].width for name, w in self.weights.items()), default=Fraction(0))

    def replaced(self, name: str, weights: Mapping[str, Fraction], constant: Fraction) -> "Row":
        """The row with a sum in place of one coordinate."""
        if name not in self.weights:
            return self
        factor = self.weights[name]
        new = {other: weight for other, weight in self.weights.items() if other != name}
        for other, weight in weights.items():
            new[other] = new.get(other, Fraction(0)) + factor * weight
        return Row({n: w for n, w in new.items() if w}, self.bound - factor * constant, self.is_equality)


def row_of(constraint: ParameterConstraint, coordinates: Mapping[str, Coordinate]) -> Row:
    """The constraint in coordinates."""
    if coordinates[constraint.names[0]].is_log:
        constraint = constraint.in_log10()
    weights, bound = {}, exact(constraint.bound)
    for name, weight in constraint.terms:
        weights[name] = exact(weight)
        if (step := coordinates[name].range.step) is not None:
            bound -= weights[name] * exact(coordinates[name].range.lower)
            weights[name] *= exact(step)
    return Row(weights, bound, constraint.is_equality)
