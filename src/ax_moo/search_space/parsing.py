"""One parameter out of a Hydra sweep override, or out of an entry of ``hydra.sweeper.params``."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep, Sweep
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo.search_space.grammar import key_of, parse_override, prefix_of
from ax_moo.search_space.parameter_mapping import PARAMS, choice_or_fixed, range_or_fixed, read_mapping
from ax_moo.search_space.parameters import Fixed, Parameter, Range
from ax_moo.search_space.values import finite_number
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean

TAGS = ("log", "ordered")


def resolved(config: Any) -> Any:
    """Plain lists, mappings and scalars out of OmegaConf's; anything else as it is."""
    if not OmegaConf.is_config(config):
        return config
    try:
        return OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"hydra.sweeper: the config cannot be resolved: {' '.join(str(error).split())}") from None


@contextmanager
def given_as(where: str, name: str) -> Iterator[None]:
    """Have a mistake told with the place where the parameter was given, and not with its name alone."""
    try:
        yield
    except ConfigError as error:
        message = str(error)
        raise (
            ConfigError(f"{where}: {message.removeprefix(f'{name}: ')}") if message.startswith(f"{name}: ") else error
        ) from None


def read_entry(key: str, entry: Any, parser: OverridesParser) -> Parameter:
    """A parameter from an entry of ``params``: a sweep string, a mapping with a ``type``, or a plain value."""
    where = f"{PARAMS}.{key}"
    if entry == "???":
        raise ConfigError(f"{where}: has no value yet; give it a sweep, such as interval(0, 1), or a value")
    if isinstance(entry, str):
        override = parse_override(f"{key}={entry.strip()}", parser, where)
        return read_override(override)
    override = parse_override(f"{key}=null", parser, where)
    refuse_hydra_key(override)
    name, prefix = key_of(override), prefix_of(override)
    if isinstance(entry, Mapping):
        return read_mapping(name, prefix, dict(entry))
    if isinstance(entry, Sequence):
        raise ConfigError(
            f"{where}: a list may mean a choice or a value; write choice(...) or"
            " {type: choice, values: [...]} for the one, {type: fixed, value: [...]} for the other"
        )
    return Fixed(name, entry, prefix)


def read_override(override: Override) -> Parameter:
    """A parameter from a parsed override; one without a sweep is fixed."""
    refuse_hydra_key(override)
    name, prefix, sweep = key_of(override), prefix_of(override), override.value()
    if override.is_delete():
        raise ConfigError(f"{name}: a deletion is no parameter; give ~{name} alone, and on the command line")
    if isinstance(sweep, Glob):
        return choice_or_fixed(name, _glob(name, override), False, prefix)
    if not override.is_sweep_override():
        return Fixed(name, sweep, prefix)
    if unknown := sorted(sweep.tags - set(TAGS)):
        raise ConfigError(f"{name}: unknown tag {unknown[0]!r}; {did_you_mean(unknown[0], TAGS)}")
    log_scale = "log" in sweep.tags
    if isinstance(sweep, IntervalSweep):
        value_type = "int" if isinstance(sweep.start, int) else "float"
        return range_or_fixed(name, (sweep.start, sweep.end), value_type, log_scale, None, prefix)
    if isinstance(sweep, RangeSweep):
        return _stepped_range(name, sweep, log_scale, prefix)
    if log_scale:
        raise ConfigError(
            f"{name}: a choice has no log scale; leave the tag log out (numbers keep their order),"
            " or give tag(log, interval(LOWER, UPPER))"
        )
    if any(isinstance(value, (Sweep, Glob)) for value in sweep.list):
        raise ConfigError(f"{name}: one sweep cannot stand inside another; list the values themselves: choice(1, 2, 3)")
    values = [Override._convert_value(value) for value in sweep.list]
    return choice_or_fixed(name, values, "ordered" in sweep.tags or None, prefix)


def refuse_hydra_key(override: Override) -> None:
    name = key_of(override)
    if name == "hydra" or name.startswith(("hydra.", "hydra/", "hydra@")):
        raise ConfigError(
            f"{name}: Hydra's own config cannot be searched over; it is the same for all trials,"
            " so set it to one value on the command line or in the config"
        )


def _glob(name: str, override: Override) -> list[Any]:
    if override.config_loader is None:
        raise ConfigError(f"{name}: glob(...) needs the application's config groups; list the options: choice(a, b)")
    if options := list(override.sweep_iterator()):
        return options
    raise ConfigError(f"{name}: glob(...) matches no option of the config group {override.key_or_group!r}")


def _stepped_range(name: str, sweep: RangeSweep, log_scale: bool, prefix: str) -> Range | Fixed:
    """Hydra's range leaves its stop out, may run downwards, and need not end on a whole step; ours does not."""
    parts = (sweep.start, sweep.stop, sweep.step)
    start, stop, step = (Decimal(str(finite_number(part, f"{name}: range(...)"))) for part in parts)
    if all(isinstance(part, int) for part in parts):
        start, stop, step = map(Decimal, parts)
        value_type = "int"
    else:
        value_type = "float"
    count = math.ceil((stop - start) / step) if step else 0
    if count < 1:
        raise ConfigError(
            f"{name}: range({start}, {stop}, {step}) is empty; the step must lead from the first towards the second"
        )
    ends = sorted((start, start + (count - 1) * step))
    cast = int if value_type == "int" else float
    bounds = (cast(ends[0]), cast(ends[1]))
    return range_or_fixed(name, bounds, value_type, log_scale, cast(abs(step)), prefix)
