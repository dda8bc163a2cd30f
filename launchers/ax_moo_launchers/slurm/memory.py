"""Sizes of memory as sbatch takes them, such as ``4G``."""

import math
import re
from typing import Any

from ax_moo.system.rules import is_number

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)(B?)", re.IGNORECASE)
_IN_MB = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024**2}


def amount(value: Any) -> float | None:
    """A number, or that of a size in text; None if it is neither. 0 is all of a node's memory for sbatch."""
    match = _SIZE.fullmatch(str(value))
    return float(value) if is_number(value) else float(match.group(1)) if match else None


def in_gb(value: Any) -> Any:
    """The gigabytes in a size, which are megabytes where it has no unit; the value itself if it is none."""
    match = _SIZE.fullmatch(str(value))
    return float(match.group(1)) * _IN_MB[match.group(2).upper()] / 1024 if match else value


def times(text: str, factor: float) -> str:
    """A size so many times, in whole numbers, as sbatch wants them."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return text
    number, unit = float(match.group(1)) * factor, match.group(2)
    if number != int(number):
        number, unit = math.ceil(number * _IN_MB[unit.upper()]), "M"
    return f"{int(number)}{unit}"
