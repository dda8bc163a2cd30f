"""Metrics of any size in a size with which Ax can calculate: it takes squares, and that of 1e200 is no number.

Numbers beyond 1e100 are told to Ax by their logarithm, so that their order is kept. All others stay as they are.
"""

import math
import sys

from ax_moo.trial import Measured

LARGEST = 1e100


def told(value: float) -> float:
    """The number as Ax is told it: a metric's value, a threshold or a bound."""
    size = abs(value)
    return value if size <= LARGEST else math.copysign(LARGEST * (1 + math.log10(size / LARGEST)), value)


def told_measured(value: Measured) -> Measured:
    if not isinstance(value, tuple):
        return told(value)
    mean, sem = value
    slope = 1.0 if abs(mean) <= LARGEST else LARGEST / (abs(mean) * math.log(10))
    return told(mean), min(sem * slope, LARGEST)


def meant(value: float) -> float:
    """The number that Ax was told as this one; what is larger than any number is the largest one."""
    size = abs(value)
    if not size > LARGEST:  # also for NaN
        return value
    return math.copysign(min(LARGEST * 10 ** min(size / LARGEST - 1, 209.0), sys.float_info.max), value)
