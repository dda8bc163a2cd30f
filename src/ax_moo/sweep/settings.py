"""Checks the settings of ``hydra.sweeper`` that say how a sweep runs, such as ``n_trials`` and ``method``."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ax_moo.optimizer.base import Lookahead, Method
from ax_moo.problem.equalities import solve
from ax_moo.problem.problem import ParameterConstraint
from ax_moo.search_space.parameters import identity
from ax_moo.search_space.parsing import resolved
from ax_moo.search_space.space import SearchSpace
from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import (
    FLAG,
    Rule,
    a_list,
    a_mapping,
    check,
    check_keys,
    check_values,
    number,
    number_above_0,
    one_of,
    or_null,
    whole_number,
)
from ax_moo.trial import ParameterValue

PROBLEM_KEYS = ("objectives", "direction", "outcome_constraints", "params", "parameter_constraints")
OTHER_KEYS = (*PROBLEM_KEYS, "wandb")
"""The keys of ``hydra.sweeper`` that other modules check."""

_WHERE = "hydra.sweeper"


class Resume(StrEnum):
    """Whether the folder must hold a sweep (REQUIRE), must not hold one (NEVER), or may (AUTO).

    FRESH moves aside what an earlier sweep has left in it.
    """

    AUTO = "auto"
    NEVER = "never"
    REQUIRE = "require"
    FRESH = "fresh"


class ProgressStyle(StrEnum):
    """How the console shows a sweep: BAR is a live table, LOG a line per event, AUTO is BAR on a terminal, else LOG."""

    AUTO = "auto"
    BAR = "bar"
    LOG = "log"
    NONE = "none"


@dataclass(frozen=True)
class StopWhen:
    """When a sweep ends before its budget is used up: after so many trials in a row that improve nothing."""

    no_improvement: int


@dataclass(frozen=True)
class Settings:
    """The defaults are those of ``hydra/sweeper=ax_moo``."""

    n_trials: int = 20
    n_jobs: int = 4
    timeout_hours: float | None = None
    method: Method = Method.AUTO
    n_initial: int | None = None
    initial: tuple[dict[str, ParameterValue], ...] = ()
    seed: int | None = None
    max_failure_rate: float = 0.5
    retries: int = 1
    resume: Resume = Resume.AUTO
    report: bool = True
    progress: ProgressStyle = ProgressStyle.AUTO
    lookahead: Lookahead = Lookahead.AUTO
    stop_when: StopWhen | None = None

    @property
    def no_improvement(self) -> int | None:
        return None if self.stop_when is None else self.stop_when.no_improvement

    @property
    def before_model(self) -> int | None:
        """``n_initial`` where it means something: a method without a model has no trials before it."""
        return self.n_initial if self.method.has_model else None

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        search_space: SearchSpace,
        parameter_constraints: Sequence[ParameterConstraint] = (),
    ) -> "Settings":
        """``config`` is ``hydra.sweeper``; OTHER_KEYS and keys that begin with _ are skipped.

        Raises:
            ConfigError: a key is unknown, or a value is wrong.
        """
        given = {key: resolved(value) for key, value in config.items() if key not in OTHER_KEYS and key[:1] != "_"}
        defaults = {field.name: field.default for field in dataclasses.fields(cls)}
        check_keys(_WHERE, given, (*OTHER_KEYS, *defaults))
        value = {**defaults, **given}
        check_values(_WHERE, value, RULES)
        value["initial"] = _initial(value["initial"], search_space, parameter_constraints)
        value["max_failure_rate"] = float(value["max_failure_rate"])
        value["stop_when"] = _stop_when(value["stop_when"])
        if value["timeout_hours"] is not None:
            value["timeout_hours"] = float(value["timeout_hours"])
        value["lookahead"] = str(value["lookahead"])
        words = {"method": Method, "lookahead": Lookahead, "resume": Resume, "progress": ProgressStyle}
        settings = cls(**{**value, **{key: word(value[key]) for key, word in words.items()}})
        _check_together(settings, search_space, parameter_constraints)
        return settings


STOP_RULES: dict[str, Rule] = {"no_improvement": whole_number(1)}
_STOP = "{no_improvement: 15}"
RULES: dict[str, Rule] = {
    "n_trials": whole_number(1),
    "n_jobs": whole_number(1),
    "timeout_hours": or_null(number_above_0("hours")),
    "method": one_of(Method),
    "n_initial": or_null(whole_number(1)),
    "seed": or_null(whole_number(0, 2**32 - 1)),
    "lookahead": Rule("auto, 0 or 1", lambda value: value == "auto" or (type(value) is int and value in (0, 1))),
    "max_failure_rate": number("a number between 0 and 1", lambda rate: 0 <= rate <= 1),
    "retries": whole_number(0),
    "stop_when": or_null(a_mapping(_STOP)),
    "resume": one_of(Resume),
    "report": FLAG,
    "progress": one_of(ProgressStyle),
}
_POINT = "{lr: 0.001, width: 64}"
_INITIAL = a_list(f"mappings, such as [{_POINT}]")


def _stop_when(value: Any) -> StopWhen | None:
    where = f"{_WHERE}.stop_when"
    if value is None:
        return None
    check_keys(where, value, STOP_RULES)
    if not value:
        raise ConfigError(f"{where}: no_improvement is missing; give the number of trials, such as {_STOP}, or null")
    check_values(where, value, STOP_RULES)
    return StopWhen(**value)


def _initial(
    points: Any, space: SearchSpace, constraints: Sequence[ParameterConstraint]
) -> tuple[dict[str, ParameterValue], ...]:
    where = f"{_WHERE}.initial"
    complete: list[dict[str, ParameterValue]] = []
    for index, point in enumerate(check(where, points, _INITIAL)):
        check(f"{where}[{index}]", point, a_mapping(_POINT))
        values = space.complete(point, f"{where}[{index}]")
        for constraint in constraints:
            if not constraint.holds(values):
                raise ConfigError(
                    f"{where}[{index}]: the point breaks the parameter constraint {constraint.text!r}; change the point"
                )
        if identity(values) in map(identity, complete):
            raise ConfigError(f"{where}[{index}]: the point is a duplicate of an earlier one; give each point once")
        complete.append(values)
    return tuple(complete)


def _check_together(settings: Settings, space: SearchSpace, constraints: Sequence[ParameterConstraint]) -> None:
    n_initial, n_points, method = settings.n_initial, len(settings.initial), settings.method
    if n_initial is not None and method.has_model and n_initial > settings.n_trials:
        raise ConfigError(
            f"hydra.sweeper.n_initial: must be at most n_trials, which is {settings.n_trials}, got {n_initial};"
            " lower it, or raise n_trials"
        )
    if n_points > settings.n_trials:
        raise ConfigError(
            f"hydra.sweeper.initial: must hold at most n_trials points, which is {settings.n_trials}, got {n_points};"
            " raise n_trials or give fewer points"
        )
    if method is Method.GRID:
        _check_grid(settings, space, constraints)


def _check_grid(settings: Settings, space: SearchSpace, constraints: Sequence[ParameterConstraint]) -> None:
    if settings.initial:
        raise ConfigError("hydra.sweeper.initial: must be empty with method grid, which visits every point anyway")
    computed = solve(constraints, space).computed
    free = dataclasses.replace(space, parameters=tuple(p for p in space.parameters if p.name not in computed))
    try:
        free.grid_size()
    except ConfigError as error:
        raise ConfigError(f"hydra.sweeper.method: grid needs a list of values for each parameter; {error}") from None
