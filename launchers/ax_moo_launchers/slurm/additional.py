"""``additional_parameters``: any other option of sbatch, as long as the launcher still knows what it has submitted."""

import functools
import logging
import math
import os
import re
from collections.abc import Mapping
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import Rule, check, is_number, or_null
from ax_moo_launchers.params import is_line

log = logging.getLogger(__name__)

_WHERE = "hydra.launcher.additional_parameters"

REFUSED = {
    "array": "the launcher submits arrays itself; set hydra.launcher.array_parallelism",
    "cluster": "name the cluster in the environment variable SLURM_CLUSTERS, which all of Slurm's commands read",
    "clusters": "name the cluster in the environment variable SLURM_CLUSTERS, which all of Slurm's commands read",
    "nodes": "set hydra.launcher.nodes",
    "ntasks": "the launcher must know the job's tasks; set hydra.launcher.tasks_per_node and hydra.launcher.nodes",
    "ntasks-per-gpu": "the launcher must know the job's tasks; set hydra.launcher.tasks_per_node",
    "ntasks-per-node": "set hydra.launcher.tasks_per_node",
    "parsable": "the launcher reads what sbatch prints",
    "quiet": "the launcher reads what sbatch prints",
    "test-only": "no job would be submitted",
    "wait": "the launcher does not wait for a job in sbatch",
    "wrap": "the launcher writes the batch script",
}
"""The options of sbatch that would take the job from the launcher, and what to do instead."""

_WITHOUT_EFFECT = ("error", "open-mode", "output")
"""Stock Submitit's jobs keep their logs without these options as well, because srun writes them: configs have them."""

_TIME = "time"
_NO_LIMIT = ("UNLIMITED", "INFINITE", "-1")
_LIMIT = re.compile(r"(?:(?P<days>\d+)-)?(?P<rest>\d+(?::\d+){0,2})")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VALUE = Rule(
    "text without line breaks or other control characters, a number, or true for an option without a value",
    lambda value: value is True or is_line(value) or is_number(value),
)
_DURATION = Rule(
    "minutes, a time such as 1-12:00:00, or UNLIMITED; there is also hydra.launcher.timeout_min",
    lambda value: _minutes(value) is not None,
)


def check_additional(given: Mapping[Any, Any], params: Mapping[str, Any]) -> None:
    """Raise a ConfigError for an option that cannot be in a batch script, or that would take the job from us."""
    for key, value in given.items():
        if not isinstance(key, str) or not _NAME.fullmatch(key):
            raise ConfigError(f"{_WHERE}: {key!r} is not the name of an option of sbatch, such as reservation")
        name = key.replace("_", "-")
        # sbatch takes the beginning of an option's name for the option.
        taken = [option for option in REFUSED if option.startswith(name)]
        if taken and value is not None and not _is_ours(name, value, params):
            raise ConfigError(f"{_WHERE}.{key}: must not be set: {REFUSED[taken[0]]}")
        check(f"{_WHERE}.{key}", value, or_null(_DURATION if name == _TIME else _VALUE))
        if value is not None and name in _WITHOUT_EFFECT:
            _say_without_effect(key)


def additional(params: Mapping[str, Any]) -> dict[str, Any]:
    """The options in ``additional_parameters``, by names with which they replace the launcher's own keys."""
    given = params.get("additional_parameters") or {}
    named = {key.replace("-", "_"): value for key, value in given.items() if value is not None}
    return {key: value for key, value in named.items() if key.replace("_", "-") not in _WITHOUT_EFFECT}


def chosen(params: Mapping[str, Any], key: str) -> str:
    """The text of a key of the launcher, or of the option or the variable that replaces it."""
    if key == "partition" and os.environ.get("SBATCH_PARTITION"):
        return os.environ["SBATCH_PARTITION"]
    return str(additional(params).get(key, params.get(key)) or "")


def with_time_limit(params: Mapping[str, Any]) -> dict[str, Any]:
    """The params with a time limit in ``additional_parameters`` as that of the job, which Submitit must know, too.

    For no limit there is no number: the option stays, so that the partition's default does not apply.
    """
    more = additional(params)
    if _TIME not in more:
        return dict(params)
    minutes = _minutes(more[_TIME])
    if minutes is None or math.isinf(minutes):
        return {**params, "timeout_min": None}
    del more[_TIME]
    return {**params, "timeout_min": minutes, "additional_parameters": more}


def _is_ours(name: str, value: Any, params: Mapping[str, Any]) -> bool:
    """Whether an option says what the launcher's keys say; those that depend on the trial are not known at first."""
    if not {"nodes", "tasks_per_node"} <= params.keys():
        return name in ("nodes", "ntasks", "ntasks-per-node")
    nodes, tasks = params["nodes"] or 1, params["tasks_per_node"] or 1
    return str(value) == str({"nodes": nodes, "ntasks": nodes * tasks, "ntasks-per-node": tasks}.get(name))


def _minutes(limit: Any) -> float | None:
    """The minutes in one of sbatch's forms of a time limit, infinity also for 0; None if it is none."""
    if str(limit).upper() in _NO_LIMIT:
        return math.inf
    match = _LIMIT.fullmatch(str(limit))
    if match is None:
        return None
    parts = list(map(int, match["rest"].split(":")))
    hours, minutes, seconds = ([*parts, 0, 0] if match["days"] or len(parts) == 3 else [0, *parts, 0])[:3]
    return (int(match["days"] or 0) * 24 + hours) * 60 + minutes + seconds / 60 or math.inf


@functools.cache
def _say_without_effect(key: str) -> None:
    log.info("%s.%s has no effect: the job's logs are in hydra.launcher.submitit_folder", _WHERE, key)
