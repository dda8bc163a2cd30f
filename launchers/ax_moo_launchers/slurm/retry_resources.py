"""More of a resource for the next attempt at a trial whose job ran out of it."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import is_number
from ax_moo.system.text import in_yaml
from ax_moo.trial import Fault
from ax_moo_launchers.params import MOST_TIMES, RETRY_RESOURCES
from ax_moo_launchers.slurm import commands, memory
from ax_moo_launchers.slurm.additional import additional, chosen, with_time_limit

_WHERE = "hydra.launcher.retry_resources"
_OPTIONS = {"mem_gb": "mem", "mem_per_cpu": "mem_per_cpu", "mem_per_gpu": "mem_per_gpu", "timeout_min": "time"}
"""The option of sbatch that each resource is, which may also stand in ``additional_parameters``."""

_VARIABLES = {
    "mem_gb": "SBATCH_MEM_PER_NODE",
    "mem_per_cpu": "SBATCH_MEM_PER_CPU",
    "mem_per_gpu": "SBATCH_MEM_PER_GPU",
    "timeout_min": "SBATCH_TIMELIMIT",
}
"""The variable whose value sbatch prefers to that of the batch script."""


def check(params: Mapping[str, Any]) -> None:
    """Raise a ConfigError if a resource has a factor, but no value that can be multiplied."""
    resources = _with_options_as_keys(params)
    for key in _factors(params):
        _check_variable(key)
        # What depends on the trial is checked with the trial's own.
        if key in resources and "additional_parameters" in params:
            _check_value(key, resources[key], _where(key, params))


def _check_variable(key: str) -> None:
    name = _VARIABLES[key]
    if os.environ.get(name):
        raise ConfigError(
            f"{_WHERE}.{key}: has no effect while the environment variable {name} is set, which sbatch prefers to the"
            f" launcher's value; unset it, and set hydra.launcher.{key}"
        )


def _check_value(key: str, value: Any, where: str) -> None:
    if value is None and where == f"hydra.launcher.{key}":
        raise ConfigError(
            f"{_WHERE}.{key}: needs a value to multiply, and hydra.launcher.{key} is not set;"
            f" set it, or leave {key} out"
        )
    if value is None:
        raise ConfigError(f"{_WHERE}.{key}: {where} sets no limit to multiply; set one, or leave {key} out")
    amount = memory.amount(value)
    if amount is None:
        raise ConfigError(
            f"{where}: must be a size such as 4G for retry_resources to multiply it, got {in_yaml(value)}"
        )
    if amount == 0:
        raise ConfigError(f"{_WHERE}.{key}: {where} is 0, which is all of a node's memory; leave {key} out")


def _where(key: str, params: Mapping[str, Any]) -> str:
    names = [name for name in additional(params) if _is_option(name, key)]
    return f"hydra.launcher.additional_parameters.{names[-1]}" if names else f"hydra.launcher.{key}"


def _is_option(name: str, key: str) -> bool:
    """Whether an option is that of a resource; sbatch takes the beginning of an option's name for the option."""
    option = _OPTIONS[key]
    return name == option or (name.startswith("mem_per_") and len(name) > len("mem_per_") and option.startswith(name))


def _factors(params: Mapping[str, Any]) -> Mapping[str, float]:
    return params.get("retry_resources") or {}


def _with_options_as_keys(params: Mapping[str, Any]) -> dict[str, Any]:
    """The params with resources that ``additional_parameters`` set as values of the launcher's keys."""
    given = with_time_limit(params)
    more = additional(given)
    for key in _factors(params):
        for name in [name for name in more if name != "time" and _is_option(name, key)]:
            value = more.pop(name)
            given = {**given, key: memory.in_gb(value) if key == "mem_gb" else value, "additional_parameters": more}
    return given


def for_attempt(params: Mapping[str, Any], faults: Sequence[Fault]) -> dict[str, Any]:
    """The params for an attempt after others that ended with these faults; the partition's limits are kept."""
    params = _with_options_as_keys(params)
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
        return memory.times(str(value), times)
    more = max(value, min(value * times, math.inf if most is None else most))
    if key == "timeout_min":
        more = math.ceil(more)  # Slurm counts whole minutes
    return int(more) if more == int(more) else more
