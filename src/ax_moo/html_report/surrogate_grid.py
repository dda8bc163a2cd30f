"""The values of a parameter at which the model is asked: the axes of slices and contours."""

import math
from collections.abc import Sequence

from ax_moo.search_space.space import Choice, Range
from ax_moo.trial import ParameterValue

POINTS = 21
"""Values along one axis at most; odd, so that the centre of a range is among them."""


def grid(parameter: Range | Choice) -> list[ParameterValue]:
    """Values from one end to the other, as far apart as the search sees them; all values where they are few."""
    if isinstance(parameter, Choice):
        return _thinned(parameter.in_order if parameter.is_ordered else parameter.values)
    if parameter.step is not None:
        return _thinned(parameter.values())
    values = [_between(parameter, i) for i in range(POINTS)]
    return list(dict.fromkeys(values))


def centre(parameter: Range | Choice) -> ParameterValue:
    """The value in the middle; of a log-scale range the geometric mean of its bounds."""
    if isinstance(parameter, Range) and parameter.step is None:
        return _between(parameter, POINTS // 2)
    values = grid(parameter)
    return values[len(values) // 2]


def _thinned(values: Sequence[ParameterValue]) -> list[ParameterValue]:
    count = min(len(values), POINTS)
    return [values[i * (len(values) - 1) // max(count - 1, 1)] for i in range(count)]


def _between(parameter: Range, step: int) -> float:
    lower, upper, last = parameter.lower, parameter.upper, POINTS - 1
    if step in (0, last):
        return upper if step else lower
    if parameter.log_scale:
        value = math.exp(math.log(lower) + (math.log(upper) - math.log(lower)) * step / last)
        return min(max(round(value), lower), upper) if parameter.value_type == "int" else _short(value)
    if parameter.value_type == "int":
        return lower + ((upper - lower) * step + last // 2) // last  # whole numbers beyond 2**53 stay exact
    return _short(lower + (upper - lower) * step / last)


def _short(value: float) -> float:
    """0.3, where the arithmetic gave 0.30000000000000004."""
    return float(f"{value:.12g}")
