"""The rules for the launchers' config keys: which values each key may have."""

import os
import unicodedata
from collections.abc import Mapping
from typing import Any

from ax_moo.system.rules import (
    FLAG,
    Rule,
    a_list,
    check_keys,
    check_values,
    is_number,
    number,
    number_above_0,
    or_null,
    whole_number,
)
from ax_moo.trial import Fault


def has_control_characters(text: str) -> bool:
    """Whether a text cannot be one line of a file: a line break in it would begin a line of its own."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # half a surrogate pair
        return True
    return any(unicodedata.category(each) == "Cc" and each != "\t" for each in text)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or type(value) is int


def is_line(value: Any) -> bool:
    return _is_text(value) and not has_control_characters(str(value))


_NO_BREAKS = "without line breaks or other control characters"
_path = Rule("text", _is_text)
TEXT = Rule(f"text {_NO_BREAKS}", is_line)
_count = whole_number(1)
_natural = whole_number(0)
_positive = number_above_0()
_strings = a_list(f"texts {_NO_BREAKS}", lambda item: isinstance(item, str) and is_line(item))
_shell = a_list("lines of shell", lambda item: isinstance(item, str) and is_line(item.replace("\n", "")))
_count_or_auto = Rule(f"auto, or {_count.wanted}", lambda value: value == "auto" or _count.holds(value))
_mapping = Rule("a mapping", lambda value: isinstance(value, dict))
_gpus = Rule(
    "auto, none, or a list of GPU ids or UUIDs",
    lambda value: value in ("auto", "none") or isinstance(value, list),
)


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


RETRY_RESOURCES = {
    "mem_gb": Fault.OUT_OF_MEMORY,
    "mem_per_cpu": Fault.OUT_OF_MEMORY,
    "mem_per_gpu": Fault.OUT_OF_MEMORY,
    "timeout_min": Fault.TIME_LIMIT,
}
"""The resources of which a trial's next attempt may get more, and the fault after which it does."""

MOST_TIMES = 8.0
"""No attempt gets more than so many times what the first one got."""


def _are_factors(value: Any) -> bool:
    return isinstance(value, dict) and all(
        key in RETRY_RESOURCES and is_number(factor) and 1 <= factor <= MOST_TIMES for key, factor in value.items()
    )


_warm = Rule("auto or off", lambda value: value in ("auto", "off") or value is False)  # `off` in YAML is False
_modules = a_list("names of modules", lambda item: isinstance(item, str) and _is_module(item))
_factors = Rule(f"a mapping from {', '.join(RETRY_RESOURCES)} to factors from 1 to {MOST_TIMES:g}", _are_factors)

_SHARED: dict[str, Rule] = {
    "submitit_folder": _path,
    "timeout_min": _positive,
    "cpus_per_task": _count,
    "gpus_per_node": _natural,
    "tasks_per_node": _count,
    "mem_gb": _positive,
    "nodes": _count,
    "name": TEXT,
    "stderr_to_stdout": FLAG,
    "max_parallel": _count,
    "preload": _modules,
}
LOCAL: dict[str, Rule] = {**_SHARED, "gpus": _gpus, "jobs_per_gpu": _count, "warm": _warm}
SLURM: dict[str, Rule] = {
    **_SHARED,
    **dict.fromkeys(
        ("partition", "qos", "comment", "constraint", "exclude", "gres", "mem_per_gpu", "mem_per_cpu"), TEXT
    ),
    "cpus_per_gpu": _count,
    "gpus_per_task": _natural,
    "account": TEXT,
    "signal_delay_s": _natural,
    "max_num_timeout": _natural,
    "additional_parameters": _mapping,
    "array_parallelism": _count,
    "setup": _shell,
    "python": TEXT,
    "srun_args": _strings,
    "use_srun": FLAG,
    "retry_resources": _factors,
    "trials_per_job": _count_or_auto,
    "idle_s": number("a number of at least 0", lambda value: value >= 0),
}
FIELDS = {"async_local": LOCAL, "async_slurm": SLURM}
"""The rules for each launcher's keys, by the launcher's name."""


def check_params(params: Mapping[str, Any], fields: Mapping[str, Rule]) -> None:
    check_keys("hydra.launcher", params, fields)
    # For every key None means "not set": submitit's or the cluster's default applies.
    check_values("hydra.launcher", params, {key: or_null(rule) for key, rule in fields.items()})
