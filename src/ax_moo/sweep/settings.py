"""How the sweep is run: everything of ``hydra.sweeper`` that is not the problem, checked."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_moo.problem.problem import ParameterConstraint
from ax_moo.search_space.parameters import identity, is_finite_number
from ax_moo.search_space.parsing import resolved
from ax_moo.search_space.space import SearchSpace
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean
from ax_moo.trial import ParameterValue

METHODS = ("auto", "fast", "sobol", "random", "grid")
RESUME = ("auto", "never", "require")
PROGRESS = ("auto", "bar", "log", "none")
PROBLEM_KEYS = ("objectives", "outcome_constraints", "params", "parameter_constraints")
OTHER_KEYS = (*PROBLEM_KEYS, "wandb")
"""What ``hydra.sweeper`` holds beside the settings; others check it."""


@dataclass(frozen=True)
class Settings:
    """The defaults are those of ``hydra/sweeper=ax_moo``."""

    n_trials: int = 20
    n_jobs: int = 4
    timeout_hours: float | None = None
    method: str = "auto"
    n_initial: int | None = None
    initial: tuple[dict[str, ParameterValue], ...] = ()
    seed: int | None = None
    max_failure_rate: float = 0.5
    retries: int = 1
    resume: str = "auto"
    report: bool = True
    progress: str = "auto"

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        search_space: SearchSpace,
        parameter_constraints: Sequence[ParameterConstraint] = (),
    ) -> "Settings":
        """``config`` is ``hydra.sweeper``; keys that others check and those that begin with _ are passed over."""
        given = {key: resolved(value) for key, value in config.items() if key not in OTHER_KEYS and key[:1] != "_"}
        keys = [field.name for field in dataclasses.fields(cls)]
        for key in given:
            if key not in keys:
                raise ConfigError(f"hydra.sweeper.{key}: unknown key; {did_you_mean(key, (*OTHER_KEYS, *keys))}")
        value = {**{f.name: f.default for f in dataclasses.fields(cls)}, **given}
        settings = cls(
            n_trials=_whole(value, "n_trials", 1),
            n_jobs=_whole(value, "n_jobs", 1),
            timeout_hours=_timeout(value["timeout_hours"]),
            method=_one_of(value, "method", METHODS),
            n_initial=None if value["n_initial"] is None else _whole(value, "n_initial", 1),
            initial=_initial(value["initial"], search_space, parameter_constraints),
            seed=None if value["seed"] is None else _whole(value, "seed", 0, 2**32 - 1),
            max_failure_rate=_rate(value["max_failure_rate"]),
            retries=_whole(value, "retries", 0),
            resume=_one_of(value, "resume", RESUME),
            report=_true_or_false(value, "report"),
            progress=_one_of(value, "progress", PROGRESS),
        )
        _check_together(settings, search_space)
        return settings


def _whole(config: Mapping[str, Any], key: str, least: int, most: int | None = None) -> int:
    value = config[key]
    right = f"from {least} to {most}" if most else f"of at least {least}"
    if type(value) is not int or value < least or (most is not None and value > most):
        raise ConfigError(f"hydra.sweeper.{key}: must be a whole number {right}, and is {value!r}")
    return value


def _timeout(value: Any) -> float | None:
    if value is None or (is_finite_number(value) and value > 0):
        return None if value is None else float(value)
    raise ConfigError(f"hydra.sweeper.timeout_hours: must be null or a number of hours above 0, and is {value!r}")


def _rate(value: Any) -> float:
    if is_finite_number(value) and 0 <= value <= 1:
        return float(value)
    raise ConfigError(f"hydra.sweeper.max_failure_rate: must be a number between 0 and 1, and is {value!r}")


def _true_or_false(config: Mapping[str, Any], key: str) -> bool:
    value = config[key]
    if not isinstance(value, bool):
        raise ConfigError(f"hydra.sweeper.{key}: must be true or false, and is {value!r}")
    return value


def _one_of(config: Mapping[str, Any], key: str, valid: Sequence[str]) -> str:
    value = config[key]
    if not isinstance(value, str) or value not in valid:
        raise ConfigError(f"hydra.sweeper.{key}: unknown {value!r}; {did_you_mean(value, valid)}")
    return value


def _initial(
    points: Any, space: SearchSpace, constraints: Sequence[ParameterConstraint]
) -> tuple[dict[str, ParameterValue], ...]:
    where = "hydra.sweeper.initial"
    example = "such as [{lr: 0.001, width: 64}]"
    if isinstance(points, (str, Mapping)) or not isinstance(points, Sequence):
        raise ConfigError(f"{where}: must be a list of mappings, {example}, and is {points!r}")
    complete: list[dict[str, ParameterValue]] = []
    for index, point in enumerate(points):
        if not isinstance(point, Mapping):
            raise ConfigError(f"{where}[{index}]: must be a mapping, {example}, and is {point!r}")
        values = space.complete(point, f"{where}[{index}]")
        for constraint in constraints:
            if not constraint.holds(values):
                raise ConfigError(
                    f"{where}[{index}]: breaks the parameter constraint {constraint.text!r}; change the point"
                )
        if identity(values) in map(identity, complete):
            raise ConfigError(f"{where}[{index}]: is a duplicate of an earlier point; give each point once")
        complete.append(values)
    return tuple(complete)


def _check_together(settings: Settings, space: SearchSpace) -> None:
    n_initial, n_points, method = settings.n_initial, len(settings.initial), settings.method
    if n_initial is not None and method not in ("auto", "fast"):
        raise ConfigError(
            f"hydra.sweeper.n_initial: means nothing with method {method}, which has no model; leave it null,"
            " or take method auto or fast"
        )
    if n_initial is not None and n_initial > settings.n_trials:
        raise ConfigError(
            f"hydra.sweeper.n_initial: is {n_initial}, which is more than n_trials {settings.n_trials}; lower it"
        )
    if n_points > settings.n_trials:
        raise ConfigError(
            f"hydra.sweeper.initial: holds {n_points} points, which is more than n_trials {settings.n_trials};"
            " raise n_trials or give fewer points"
        )
    if method == "grid":
        _check_grid(settings, space)


def _check_grid(settings: Settings, space: SearchSpace) -> None:
    if settings.initial:
        raise ConfigError(
            "hydra.sweeper.initial: means nothing with method grid, which visits every point anyway; leave it empty"
        )
    try:
        space.grid_size()
    except ConfigError as error:
        why = str(error).replace(": ", " ", 1)
        raise ConfigError(f"hydra.sweeper.method: grid needs a finite search space, and {why}") from None
