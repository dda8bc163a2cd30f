"""Objectives: the metrics that a sweep maximises or minimises, read from ``hydra.sweeper.objectives``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ax_moo.other_sweepers import OBJECTIVE_FIELDS
from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import FINITE, a_mapping, check, check_keys, one_of, or_null
from ax_moo.system.text import in_yaml

KEY = "hydra.sweeper.objectives"
DEFAULT_NAME = "objective"
DIRECTION_KEY = "hydra.sweeper.direction"
FIELDS = ("direction", "threshold")
_DIRECTIONS = ("maximize", "minimize")


@dataclass(frozen=True)
class Objective:
    """A metric to optimise. ``threshold`` is its coordinate of the reference point: worse values are not wanted."""

    name: str
    minimize: bool
    threshold: float | None = None


def read_objectives(config: Any, direction: Any = None) -> tuple[Objective, ...]:
    """The config's objectives.

    Without any there is one, ``objective``: the number that the application returns. It is minimised, or what
    ``hydra.sweeper.direction`` says.
    """
    check(KEY, config, a_mapping("{val_acc: {direction: maximize}}"))
    if remedy := direction_remedy(direction, config):
        raise ConfigError(f"{DIRECTION_KEY}: {remedy}")
    objectives = tuple(_read(str(name), entry) for name, entry in config.items())
    given = [objective for objective in objectives if objective.threshold is not None]
    if len(objectives) == 1 and given:
        raise ConfigError(
            f"{KEY}.{given[0].name}.threshold: a single objective cannot have a threshold, because thresholds are the"
            " reference point of several objectives; leave the threshold out (for a bound on another metric use"
            " hydra.sweeper.outcome_constraints)"
        )
    if given and len(given) < len(objectives):
        missing = next(objective for objective in objectives if objective.threshold is None)
        raise ConfigError(
            f"{KEY}.{missing.name}.threshold: the threshold is missing, but {given[0].name} has one; give a"
            " threshold to all objectives or to none"
        )
    return objectives or (Objective(DEFAULT_NAME, minimize=direction is None or _plain(direction) == "minimize"),)


def direction_remedy(direction: Any, objectives: Any) -> str | None:
    """What is wrong with ``hydra.sweeper.direction``, which is for one unnamed objective; None if nothing is."""
    if direction is None:
        return None
    if isinstance(direction, Mapping):
        told = in_yaml(direction)
        return f"must be one of maximize, minimize, got {told}; write metrics with their directions in objectives"
    if isinstance(direction, Sequence) and direction and not isinstance(direction, str):
        each = ", ".join(f"NAME: {{direction: {_plain(one)}}}" for one in direction)
        return (
            f"must be one direction, got {len(direction)}; write objectives: {{{each}}}, with the names of the metrics"
            " that the application returns"
        )
    rule = one_of(_DIRECTIONS)
    if not rule.holds(_plain(direction)):
        return rule.complaint(direction)
    if isinstance(objectives, Mapping) and objectives:
        return "leave it out, because objectives give each metric its own direction"
    return None


def _plain(direction: Any) -> Any:
    """Optuna's spellings ``Direction.maximize`` and ``StudyDirection.MAXIMIZE`` as ours."""
    return str(direction).rpartition(".")[2].lower() if isinstance(direction, (str, Enum)) else direction


def _read(name: str, entry: Any) -> Objective:
    where = f"{KEY}.{name}"
    if not name.strip():
        raise ConfigError(
            f"{KEY}: a metric must have a name, got {in_yaml(name)}; write the one that the application returns"
        )
    entry = {"direction": entry} if isinstance(entry, str) else entry
    check(where, entry, a_mapping("{direction: maximize}"))
    check_keys(where, entry, FIELDS, {key: each.remedy for key, each in OBJECTIVE_FIELDS.items()})
    direction, threshold = entry.get("direction"), entry.get("threshold")
    if _plain(direction) in _DIRECTIONS:
        direction = _plain(direction)
    if direction is None:
        raise ConfigError(f"{where}: the direction is missing; add direction: maximize or direction: minimize")
    check(f"{where}.direction", direction, one_of(_DIRECTIONS))
    check(f"{where}.threshold", threshold, or_null(FINITE))
    return Objective(name, direction == "minimize", None if threshold is None else float(threshold))
