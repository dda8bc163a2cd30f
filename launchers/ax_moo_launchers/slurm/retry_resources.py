"""More of a resource for the next attempt at a trial whose job ran out of it."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import is_number
from ax_moo.trial import Fault
from ax_moo_launchers.params import MOST_TIMES, RETRY_RESOURCES
from ax_moo_launchers.slurm import commands
from ax_moo_launchers.slurm.additional import chosen

_MEMORY = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)(B?)", re.IGNORECASE)
_IN_MB = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024**2}


def check(params: Mapping[str, Any]) -> None:
    """Raise a ConfigError if a resource has a factor, but no value that can be multiplied."""
    for key in _factors(params):
        value = params.get(key, 1)  # a value that depends on the trial is checked with the trial's own
        if value is None:
            raise ConfigError(
                f"hydra.launcher.retry_resources.{key}: needs a value to multiply, and hydra.launcher.{key} is not set;"
                f" set it, or leave {key} out"
            )
        if not is_number(value) and not _MEMORY.fullmatch(str(value)):
            raise ConfigError(
                f"hydra.launcher.{key}: must be a size such as 4G for retry_resources to multiply it, got {value!r}"
            )


def _factors(params: Mapping[str, Any]) -> Mapping[str, float]:
    return params.get("retry_resources") or {}


def for_attempt(params: Mapping[str, Any], faults: Sequence[Fault]) -> dict[str, Any]:
    """The params for an attempt after others that ended with these faults; the partition's limits are kept."""
    wanted = {
        key: min(factor**times, MOST_TIMES)
        for key, factor in _factors(params).items()
        if (times := faults.count(RETRY_RESOURCES[key])) and params.get(key) is not None
    }
    if not wanted:
        return dict(params)
    most = commands.largest_job(chosen(params, "partition"))
    return {**params, **{key: _more(key, params[key], times, most.get(key)) for key, times in wanted.items()}}


def _more(key: str, value: Any, times: float, most: float | None) -> Any:
    """The value so many times, but not beyond what the partition allows, nor less than before."""
    if not is_number(value):
        return _more_memory(str(value), times)
    more = max(value, min(value * times, math.inf if most is None else most))
    if key == "timeout_min":
        more = math.ceil(more)  # Slurm counts whole minutes
    return int(more) if more == int(more) else more


def _more_memory(text: str, times: float) -> str:
    match = _MEMORY.fullmatch(text)
    if match is None:
        return text
    number, unit = float(match.group(1)) * times, match.group(2)
    if number != int(number):
        number, unit = math.ceil(number * _IN_MB[unit.upper()]), "M"
    return f"{int(number)}{unit}"
