"""The coordinates in the unit cube in which Ax draws its initial points, for one parameter.

The arithmetic is that of Ax's transforms (OrderedChoiceToIntegerRange, OneHot, IntToFloat, Log, UnitX), so that the
same point of the cube becomes the same arm to the last bit.
"""

import math
from collections.abc import Sequence
from typing import Protocol

from ax_moo.optimizer.encoding import EncodedParameter
from ax_moo.trial import ParameterValue

_HALF = 0.49999
"""Ax widens the range of whole numbers by this at both ends, so that rounding finds each one as often."""


class Coordinates(Protocol):
    """``dimensions`` is how many coordinates the parameter has."""

    dimensions: int

    @property
    def centre(self) -> ParameterValue: ...

    def value(self, point: Sequence[float]) -> ParameterValue:
        """The parameter's value at these coordinates."""
        ...


class _Fixed:
    dimensions = 0

    def __init__(self, value: ParameterValue) -> None:
        self.centre = value

    def value(self, point: Sequence[float]) -> ParameterValue:
        return self.centre


class _Floats:
    dimensions = 1

    def __init__(self, lower: float, upper: float, is_log: bool) -> None:
        self._bounds = (lower, upper)
        self._is_log = is_log
        self._low, self._high = (math.log10(lower), math.log10(upper)) if is_log else (lower, upper)

    @property
    def centre(self) -> float:
        # Ax's own expressions, here and below: others differ in the last bit.
        return 10 ** ((self._low + self._high) / 2.0) if self._is_log else (self._low + self._high) / 2.0

    def value(self, point: Sequence[float]) -> float:
        # Ax converts a point to values, back, and to values again before it uses it.
        lower, upper = self._bounds
        return min(max(self._from_unit(self._to_unit(self._from_unit(point[0]))), lower), upper)

    def _from_unit(self, coordinate: float) -> float:
        value = coordinate * (self._high - self._low) + self._low
        return math.pow(10, value) if self._is_log else value

    def _to_unit(self, value: float) -> float:
        return ((math.log10(value) if self._is_log else value) - self._low) / (self._high - self._low)


class _WholeNumbers:
    dimensions = 1

    def __init__(self, lower: int, upper: int, is_log: bool) -> None:
        self._bounds = (lower, upper)
        self._exact = _Floats(float(lower), float(upper), is_log)
        self._widened = _Floats(lower - _HALF, upper + _HALF, is_log)

    @property
    def centre(self) -> int:
        return int(self._exact.centre)

    def value(self, point: Sequence[float]) -> int:
        lower, upper = self._bounds
        return min(max(round(self._widened.value(point)), lower), upper)


class _RoundedFloats(_Floats):
    """Floats of which Ax rounds each to a whole number."""

    @property
    def centre(self) -> float:
        return round(super().centre, 0)

    def value(self, point: Sequence[float]) -> float:
        return round(super().value(point), 0)


class _OrderedChoice:
    dimensions = 1

    def __init__(self, values: Sequence[ParameterValue]) -> None:
        self._values = values
        self._position = _WholeNumbers(0, len(values) - 1, is_log=False)

    @property
    def centre(self) -> ParameterValue:
        return self._values[len(self._values) // 2]

    def value(self, point: Sequence[float]) -> ParameterValue:
        return self._values[self._position.value(point)]


class _UnorderedChoice:
    def __init__(self, values: Sequence[ParameterValue]) -> None:
        self._values = values
        self.dimensions = len(values)

    @property
    def centre(self) -> ParameterValue:
        return self._values[len(self._values) // 2]

    def value(self, point: Sequence[float]) -> ParameterValue:
        return self._values[list(point).index(max(point))]


def coordinates(axis: EncodedParameter) -> Coordinates:
    """The coordinates of a searched parameter."""
    if axis.bounds is not None:
        lower, upper = axis.bounds
        if axis.value_type == "int":
            return _WholeNumbers(int(lower), int(upper), axis.log_scale)
        floats = _RoundedFloats if axis.is_rounded else _Floats
        return floats(float(lower), float(upper), axis.log_scale)
    distinct = list(dict.fromkeys(axis.values))
    values = distinct if axis.value_type == "str" else sorted(distinct)
    if len(values) == 1:
        return _Fixed(values[0])
    return _OrderedChoice(values) if axis.is_ordered or len(values) == 2 else _UnorderedChoice(values)
