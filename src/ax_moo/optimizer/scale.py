"""The scale on which Ax searches a range: its coordinate, the unit interval, or floats in place of whole numbers."""

from dataclasses import dataclass

from ax_moo.problem.coordinates import Coordinate
from ax_moo.search_space.space import Range

MOST_LISTED = 100_000
"""With ten times as many whole numbers on a log scale a candidate takes Ax eight seconds."""

LEAST_WIDTH = 100 * 1.5e-7
"""The narrowest range that Ax takes."""


@dataclass(frozen=True)
class Scale:
    """How a range's value becomes a coordinate of Ax: with ``is_unit`` it is scaled to the unit interval."""

    coordinate: Coordinate
    is_unit: bool
    is_rounded: bool = False
    """Whether whole numbers are searched as floats on the parameter's own scale."""

    @classmethod
    def of_range(cls, parameter: Range, is_constrained: bool) -> "Scale | None":
        """None if Ax searches the value itself, on the parameter's own scale."""
        coordinate = Coordinate(parameter)
        if parameter.step is not None:
            return cls(coordinate, is_unit=False) if is_constrained else None
        if _has_too_many_values(parameter) and not (is_constrained and parameter.log_scale):
            return cls(coordinate, is_unit=False, is_rounded=True)
        is_narrow = parameter.upper - parameter.lower < LEAST_WIDTH
        is_other = is_narrow or (is_constrained and parameter.log_scale)
        return cls(coordinate, coordinate.width < LEAST_WIDTH) if is_other else None

    @property
    def bounds(self) -> tuple[float, float]:
        if self.is_unit:
            return 0.0, 1.0
        if self.is_rounded:
            return float(self.coordinate.range.lower), float(self.coordinate.range.upper)
        lower, upper = self.coordinate.bounds
        return (int(lower), int(upper)) if self.coordinate.is_whole else (float(lower), float(upper))

    def encoded(self, value: float) -> float:
        if self.is_rounded:
            return float(value)
        number = self.coordinate.of(value)
        if self.is_unit:
            number = (number - float(self.coordinate.bounds[0])) / float(self.coordinate.width)
        lower, upper = self.bounds
        return min(max(number, lower), upper)

    def number(self, coordinate: float) -> float:
        """The value, before it is rounded to a whole number."""
        if self.is_rounded:
            return coordinate
        if self.is_unit:
            coordinate = float(self.coordinate.bounds[0]) + coordinate * float(self.coordinate.width)
        return _power_of_10(coordinate) if self.coordinate.is_log else coordinate

    def decoded(self, coordinate: float) -> float:
        number = self.number(coordinate)
        if self.is_rounded:
            return within(self.coordinate.range, number)
        return within(self.coordinate.range, number) if self.coordinate.is_log else self.coordinate.value(number)


def _has_too_many_values(parameter: Range) -> bool:
    is_int = parameter.value_type == "int" and parameter.step is None
    return is_int and parameter.upper - parameter.lower >= MOST_LISTED


def _power_of_10(exponent: float) -> float:
    """10 to this power; a whole exponent would be computed digit by digit, however large it is."""
    return 10 ** float(exponent)


def within(parameter: Range, value: float) -> float:
    number = round(value) if parameter.value_type == "int" else float(value)
    return min(max(number, parameter.lower), parameter.upper)
