"""Between which bounds each coordinate can meet the constraints: a walk through the points goes no further."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ax_moo.problem.coordinates import Coordinate, Row

_TOLERANCE = 1e-9
_ROUNDS = 10
"""How often the bounds of all parameters are made closer; later rounds change little."""

Bounds = Mapping[str, tuple[Fraction, Fraction]]


@dataclass(frozen=True)
class FloatRow:
    """A row in floats, with the least sum of the coordinates from each place on."""

    weights: Sequence[float]
    bound: float
    least_from: Sequence[float]
    tolerance: float


def inequalities(rows: Sequence[Row]) -> list[Row]:
    """The rows, with two inequalities in place of an equality."""
    return [each for row in rows for each in ([row, _negative(row)] if row.is_equality else [row])]


def _negative(row: Row) -> Row:
    return Row({name: -weight for name, weight in row.weights.items()}, -row.bound)


def closer_bounds(rows: Sequence[Row], coordinates: Mapping[str, Coordinate]) -> Bounds:
    """Between which bounds a coordinate can meet each row, where the others are at their best for it."""
    bounds = {name: coordinate.bounds for name, coordinate in coordinates.items()}
    for _ in range(_ROUNDS):
        for row in rows:
            least = {name: w * bounds[name][0 if w > 0 else 1] for name, w in row.weights.items()}
            room = row.bound - sum(least.values(), Fraction(0))
            for name, weight in row.weights.items():
                low, high = bounds[name]
                end = (room + least[name]) / weight
                bounds[name] = (low, min(high, end)) if weight > 0 else (max(low, end), high)
    # Rounding of logarithms must not lose a point.
    return {
        name: (each[0] - _margin(coordinates[name]), each[1] + _margin(coordinates[name]))
        for name, each in bounds.items()
    }


def _margin(coordinate: Coordinate) -> Fraction:
    return Fraction(0) if coordinate.is_whole else coordinate.width * Fraction(1, 10**9)


def in_floats(row: Row, order: Sequence[str], closer: Bounds) -> FloatRow:
    """The row in units of its largest change."""
    changes = [
        abs(weight) * max(closer[name][1] - closer[name][0], Fraction(1)) for name, weight in row.weights.items()
    ]
    size = max(changes, default=Fraction(1))
    ends = {name: weight * closer[name][0 if weight > 0 else 1] for name, weight in row.weights.items()}
    least = [ends.get(name, Fraction(0)) for name in order]
    rest = [float(sum(least[place:], Fraction(0)) / size) for place in range(len(order) + 1)]
    weights = [float(row.weights.get(name, 0) / size) for name in order]
    bound = float(row.bound / size)
    return FloatRow(weights, bound, rest, _TOLERANCE * (1 + abs(bound) + abs(rest[0])))
