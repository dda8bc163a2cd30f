"""The rules for the launchers' config keys: which values each key may have."""

from collections.abc import Mapping
from typing import Any

from ax_moo.system.rules import FLAG, Rule, a_list, check_keys, check_values, number_above_0, or_null, whole_number

_text = Rule("text", lambda value: isinstance(value, str) or type(value) is int)
_count = whole_number(1)
_natural = whole_number(0)
_positive = number_above_0()
_strings = a_list("texts", lambda item: isinstance(item, str))
_mapping = Rule("a mapping", lambda value: isinstance(value, dict))
_gpus = Rule(
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
    "stderr_to_stdout": FLAG,
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
    "use_srun": FLAG,
}
FIELDS = {"async_local": LOCAL, "async_slurm": SLURM}
"""The rules for each launcher's keys, by the launcher's name."""


def check_params(params: Mapping[str, Any], fields: Mapping[str, Rule]) -> None:
    check_keys("hydra.launcher", params, fields)
    # For every key None means "not set": submitit's or the cluster's default applies.
    check_values("hydra.launcher", params, {key: or_null(rule) for key, rule in fields.items()})
