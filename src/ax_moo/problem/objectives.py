"""Objectives: the metrics that a sweep maximises or minimises, read from ``hydra.sweeper.objectives``."""

from dataclasses import dataclass
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import FINITE, a_mapping, check, check_keys, one_of, or_null

KEY = "hydra.sweeper.objectives"
DEFAULT_NAME = "objective"
_DIRECTIONS = ("maximize", "minimize")
_KEYS = ("direction", "threshold")


@dataclass(frozen=True)
class Objective:
    """A metric to optimise. ``threshold`` is its coordinate of the reference point: worse values are not wanted."""

    name: str
    minimize: bool
    threshold: float | None = None


def read_objectives(config: Any) -> tuple[Objective, ...]:
    """The config's objectives. Without any, ``objective`` is minimised: the number that the application returns."""
    check(KEY, config, a_mapping("{val_acc: {direction: maximize}}"))
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
    return objectives or (Objective(DEFAULT_NAME, minimize=True),)


def _read(name: str, entry: Any) -> Objective:
    where = f"{KEY}.{name}"
    entry = {"direction": entry} if isinstance(entry, str) else entry
    check(where, entry, a_mapping("{direction: maximize}"))
    check_keys(where, entry, _KEYS)
    direction, threshold = entry.get("direction"), entry.get("threshold")
    if direction is None:
        raise ConfigError(f"{where}: the direction is missing; add direction: maximize or direction: minimize")
    check(f"{where}.direction", direction, one_of(_DIRECTIONS))
    check(f"{where}.threshold", threshold, or_null(FINITE))
    return Objective(name, direction == "minimize", None if threshold is None else float(threshold))
