"""The launchers' keys: what each may hold."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ax_moo.system.errors import ConfigError


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


Rule = tuple[str, Callable[[Any], bool]]
_text: Rule = ("text", lambda value: isinstance(value, str) or _is_int(value))
_flag: Rule = ("true or false", lambda value: isinstance(value, bool))
_count: Rule = ("a whole number from 1 on", lambda value: _is_int(value) and value >= 1)
_natural: Rule = ("a whole number from 0 on", lambda value: _is_int(value) and value >= 0)
_positive: Rule = ("a number above 0", lambda value: _is_number(value) and value > 0)
_strings: Rule = ("a list of texts", _is_strings)
_mapping: Rule = ("a mapping", lambda value: isinstance(value, dict))
_gpus: Rule = (
    "auto, none, or a list of GPU ids or UUIDs",
    lambda value: value in ("auto", "none") or isinstance(value, list),
)

_SHARED: dict[str, Rule] = {
    "submitit_folder": _text,
    "timeout_min": _positive,
    "cpus_per_task": _count,
    "gpus_per_node": _natural,
    "tasks_per_node": _count,
    "mem_gb": _positive,
    "nodes": _count,
    "name": _text,
    "stderr_to_stdout": _flag,
    "max_parallel": _count,
}
LOCAL: dict[str, Rule] = {**_SHARED, "gpus": _gpus, "jobs_per_gpu": _count}
SLURM: dict[str, Rule] = {
    **_SHARED,
    **dict.fromkeys(
        ("partition", "qos", "comment", "constraint", "exclude", "gres", "mem_per_gpu", "mem_per_cpu"), _text
    ),
    "cpus_per_gpu": _count,
    "gpus_per_task": _natural,
    "account": _text,
    "signal_delay_s": _natural,
    "max_num_timeout": _natural,
    "additional_parameters": _mapping,
    "array_parallelism": _count,
    "setup": _strings,
    "python": _text,
    "srun_args": _strings,
    "use_srun": _flag,
}
FIELDS = {"async_local": LOCAL, "async_slurm": SLURM}
"""By the launchers' names."""


def check_params(params: Mapping[str, Any], fields: Mapping[str, Rule]) -> None:
    for key, value in params.items():
        if key not in fields:
            raise ConfigError(f"hydra.launcher.{key} is not a key of this launcher, which has: {', '.join(fields)}.")
        wanted, holds = fields[key]
        # None is "not set" for every key: submitit's or the cluster's default.
        if value is not None and not holds(value):
            raise ConfigError(f"hydra.launcher.{key} is {value!r}, but must be {wanted}, or null.")
