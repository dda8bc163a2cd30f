"""Checks, before the first trial, that every option of a choice gives a config that can be composed and resolved."""

import copy
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    InterpolationResolutionError,
    InterpolationToMissingValueError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from ax_moo.jobs.in_a_job import may_resolve_in_a_job
from ax_moo.search_space.space import Choice, SearchSpace
from ax_moo.session.job_config import compose_trial, example_point, origin
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import first_line
from ax_moo.trial import ParameterValue

MOST = 32
"""A composition costs about as much as the start of an application. Of more options, these many are looked at."""

_NESTED = re.compile(r"\$\{[^}]*\$\{")
_CALL = re.compile(r"\$\{\s*[\w.]+\s*:")

Option = tuple[Choice, ParameterValue]


def check_every_option(
    config: DictConfig, loader: ConfigLoader, space: SearchSpace, arguments: Sequence[str], job_config: DictConfig
) -> frozenset[str]:
    """The names that ``hydra.job.env_set`` has with some option, after a try of every option.

    The others are then as in ``job_config``, which is the config of an example trial.

    Options of config groups are composed, as are mappings and lists; any other one replaces a value of ``job_config``.

    Raises:
        ConfigError: an option does not fit.
    """
    choices = [each for each in space.parameters if isinstance(each, Choice)]
    names = {*_env_set(job_config)}
    if not choices:
        return frozenset(names)
    known = _unresolvable_anyway(config, loader, space, choices) if unresolvable(job_config) else {}
    if found := _new(job_config, known):
        first = " ".join(f"{each.name}={each.values[0]}" for each in choices)
        raise ConfigError(
            f"hydra.sweeper.params: with {first} the config of a trial cannot be resolved: {found};"
            " correct the value that it refers to"
        )
    composed = [(each, option) for each in choices for option in each.values[1:] if _is_composed(each, option, loader)]
    for choice, option in _spread(composed):
        trial = compose_trial(config, loader, space, example_point(space) | {choice.name: option})
        why = first_line(trial) if isinstance(trial, Exception) else _new(trial, known)
        _refuse((choice, option), arguments, why, "every option must have every key that is searched")
        names |= {*_env_set(trial)}
    for choice in choices:
        for option, why in _replaced(choice, [o for o in choice.values[1:] if (choice, o) not in composed], job_config):
            _refuse((choice, option), arguments, why, "correct the option")
    return frozenset(names)


def _env_set(trial: Any) -> Iterator[str]:
    yield from map(str, OmegaConf.select(trial, "hydra.job.env_set") or ())


def _refuse(option: Option, arguments: Sequence[str], why: str | None, remedy: str) -> None:
    if why:
        choice, value = option
        raise ConfigError(
            f"{origin(choice, arguments)}: with {choice.name}={value} the config of a trial cannot be composed: {why};"
            f" {remedy}"
        )


def _is_composed(choice: Choice, option: ParameterValue, loader: ConfigLoader) -> bool:
    return isinstance(option, (dict, list)) or bool(loader.get_group_options(choice.name.split("@")[0]))


def _spread(options: Sequence[Any]) -> Sequence[Any]:
    step = max(1, -(-len(options) // MOST))
    return options[::step] if step == 1 else [*options[::step], options[-1]]


def _replaced(
    choice: Choice, options: Sequence[ParameterValue], job_config: DictConfig
) -> Iterator[tuple[ParameterValue, str]]:
    """The options that ``job_config`` does not take, each with the reason."""
    config = copy.deepcopy(job_config)
    refers = bool(_NESTED.search(str(OmegaConf.to_container(config, resolve=False))))
    looked_into = _spread([each for each in options if refers or "${" in str(each)])
    known = unresolvable(config)
    for option in options:
        try:
            OmegaConf.update(config, choice.name, option, merge=True)
        except OmegaConfBaseException as error:
            yield option, first_line(error)
            continue
        if option in looked_into and (why := _new(config, known)):
            yield option, why


def _unresolvable_anyway(
    config: DictConfig, loader: ConfigLoader, space: SearchSpace, choices: Sequence[Choice]
) -> Mapping[str, str]:
    """What cannot be resolved whatever is searched: the application may never ask for it."""
    other = compose_trial(config, loader, dataclasses.replace(space, parameters=()), {})
    if isinstance(other, Exception):  # one of the choices has no default
        last = {choice.name: choice.values[-1] for choice in choices}
        other = compose_trial(config, loader, space, example_point(space) | last)
    return {} if isinstance(other, Exception) else unresolvable(other)


def _new(config: DictConfig, known: Mapping[str, str]) -> str | None:
    return next((f"{key}: {why}" for key, why in unresolvable(config).items() if key not in known), None)


def unresolvable(config: DictConfig) -> dict[str, str]:
    """The keys whose interpolation leads nowhere, each with the reason.

    One that leads to a resolver, or to a value that is missing, is left alone: what it needs may be known only in the
    job, and a resolver may take long.
    """
    raw: Any = OmegaConf.to_container(config, resolve=False)
    if "${" not in str(raw):
        return {}
    without_calls = OmegaConf.create(_without_calls(raw), flags={"allow_objects": True})
    own = {key: value for key, value in raw.items() if key != "hydra"}
    return dict(_unresolvable(config, without_calls, own, ""))


def _without_calls(raw: Any) -> Any:
    """The config in which what a resolver gives is missing."""
    if isinstance(raw, dict):
        return {key: _without_calls(value) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_without_calls(value) for value in raw]
    return "???" if isinstance(raw, str) and _CALL.search(raw) else raw


def _unresolvable(node: Any, without_calls: Any, raw: Any, at: str) -> Iterator[tuple[str, str]]:
    for key, value in raw.items() if isinstance(raw, dict) else enumerate(raw):
        place = f"{at}.{key}" if at else str(key)
        if isinstance(value, str) and "${" in value:
            if why := _why_not(node, without_calls, key):
                yield place, why
        elif isinstance(value, (dict, list)):
            yield from _unresolvable(node[key], without_calls[key], value, place)


def _why_not(node: Any, without_calls: Any, key: Any) -> str | None:
    try:
        without_calls[key]
        node[key]  # where no resolver is called, the value is also checked against the type of its key
    except (InterpolationToMissingValueError, MissingMandatoryValue):
        return None
    except OmegaConfBaseException as error:
        is_mistake = isinstance(error, InterpolationResolutionError) and not may_resolve_in_a_job(error)
        return first_line(error) if is_mistake else None
    return None
