"""Checks, before the first trial, that the application's config accepts the overrides of the trials."""

import dataclasses
import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo.search_space.space import Choice, Fixed, Parameter, Range, SearchSpace
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean, first_line, in_yaml
from ax_moo.trial import ParameterValue


def check_composes(
    config: DictConfig, loader: ConfigLoader, space: SearchSpace, arguments: Sequence[str]
) -> DictConfig:
    """Compose the config of an example trial, so that an override that does not fit is found before any job.

    Raises:
        ConfigError: the config of a trial cannot be composed.
    """
    for parameter in space.parameters:
        _check_options(loader, parameter, arguments)
    composed = compose_trial(config, loader, space, example_point(space))
    if not isinstance(composed, Exception):
        return composed
    for parameter in space.parameters:
        alone = dataclasses.replace(space, parameters=(parameter,))
        reason = compose_trial(config, loader, alone, example_point(alone))
        if isinstance(reason, Exception):
            raise ConfigError(f"{origin(parameter, arguments)}: {_why_not(reason, parameter, config)}")
    overrides = " ".join(space.to_overrides(example_point(space)))
    raise ConfigError(
        f"hydra.sweeper.params: Hydra cannot compose the config of a trial ({overrides}): {first_line(composed)}; "
        "correct these overrides"
    )


def compose_trial(
    config: DictConfig, loader: ConfigLoader, space: SearchSpace, point: Mapping[str, ParameterValue]
) -> DictConfig | Exception:
    """The trial's config, or the error that composing it raised."""
    try:
        composed: DictConfig = loader.load_sweep_config(config, list(space.to_overrides(point)))
        return composed
    except (HydraException, OmegaConfBaseException) as error:
        return error


def _why_not(error: Exception, parameter: Parameter, config: DictConfig) -> str:
    why = first_line(error)
    name = parameter.name
    if "match in the defaults list" in str(error):
        return f"{name!r} is a config group that the defaults list does not have; add it there, or write +{name}"
    if why.startswith("Could not override"):
        near = difflib.get_close_matches(name, list(keys_of(config)), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"the application's config has no key {name!r}; {hint}correct the key, or add a new one with +{name}"
    if why.startswith("Could not append"):
        return f"the application's config has the key {name!r} already; leave the + out"
    refused = _refused(error)
    return f"the application's config does not accept {refused}; {_remedy(parameter, config, refused)}"


def _refused(error: Exception) -> str:
    """What Hydra says about an override that cannot be merged, and the reason, which is in the exception's cause."""
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        return f"it: {first_line(cause)}"
    return f"the parameter: {first_line(error)}"


def _remedy(parameter: Parameter, config: DictConfig, reason: str) -> str:
    name = parameter.name
    if OmegaConf.is_dict(OmegaConf.select(config, name, throw_on_resolution_failure=False)):
        return f"search over the keys below it, such as {name}.KEY"
    if "converted to Integer" in reason and isinstance(parameter, Range):
        return f"write int(interval({math.ceil(parameter.lower)}, {math.floor(parameter.upper)}))"
    if "valid bool" in reason:
        return "write choice(true, false)"
    return "give values of the type that the key has"


def keys_of(config: DictConfig) -> Iterator[str]:
    """The keys of the application's config, including dotted keys of its inner nodes."""
    container: Any = OmegaConf.to_container(config)
    nodes = [(str(key), value) for key, value in container.items() if key != "hydra"]
    for key, value in nodes:
        yield key
        if isinstance(value, dict):
            nodes += [(f"{key}.{inner}", child) for inner, child in value.items()]


def origin(parameter: Parameter, arguments: Sequence[str]) -> str:
    """The place where the user gave the parameter: the argument, or the key of the config."""
    key = f"{parameter.prefix}{parameter.name}"
    typed = [argument for argument in arguments if argument.startswith(f"{key}=")]
    return typed[-1] if typed else f"hydra.sweeper.params.{key}"


def _check_options(loader: ConfigLoader, parameter: Parameter, arguments: Sequence[str]) -> None:
    """Check that a parameter which chooses among a config group's options names only options that exist."""
    options = loader.get_group_options(parameter.name.split("@")[0])
    if isinstance(parameter, Range):
        if options:
            raise ConfigError(
                f"{origin(parameter, arguments)}: {parameter.name} is a config group, whose options are no range;"
                f" write choice({', '.join(options)})"
            )
        return
    values = parameter.values if isinstance(parameter, Choice) else (parameter.value,)
    # Composing checks options in folders below the group, and names with an ending.
    unknown = [v for v in values if options and v not in (*options, None) and not ("/" in str(v) or "." in str(v))]
    if unknown and not any(isinstance(value, list) for value in unknown):
        raise ConfigError(
            f"{origin(parameter, arguments)}: the config group {parameter.name} has no option {in_yaml(unknown[0])}; "
            f"{did_you_mean(unknown[0], options)}"
        )


def example_point(space: SearchSpace) -> dict[str, ParameterValue]:
    return {parameter.name: _example(parameter) for parameter in space.parameters}


def corner_points(space: SearchSpace) -> list[dict[str, ParameterValue]]:
    """The example, the same with each other end or option of one parameter, and the ends of all parameters together."""
    first = example_point(space)
    others = {parameter.name: _others(parameter) for parameter in space.parameters}
    points = [first | {name: value} for name, values in others.items() for value in values]
    return [first, *points, first | {name: values[-1] for name, values in others.items() if values}]


def _others(parameter: Parameter) -> Sequence[ParameterValue]:
    match parameter:
        case Range():
            return (parameter.upper,)
        case Choice():
            return parameter.values[1:]
        case Fixed():
            return ()


def _example(parameter: Parameter) -> ParameterValue:
    match parameter:
        case Range():
            return parameter.lower
        case Choice():
            return parameter.values[0]
        case Fixed():
            return parameter.value
