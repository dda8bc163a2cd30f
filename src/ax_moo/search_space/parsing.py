"""Reading a parameter from a Hydra sweep override, or from an entry of ``hydra.sweeper.params``."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep, Sweep
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo.other_sweepers import PARAMETER_FIELDS, PARAMETER_TYPES
from ax_moo.search_space.grammar import key_of, parse_override, prefix_of
from ax_moo.search_space.parameters import Choice, Fixed, Parameter, Range, finite_number, whole_number
from ax_moo.system import hydra_internals
from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import FLAG, Rule, a_list, check, check_keys, is_number, meant, one_of, or_null
from ax_moo.system.text import did_you_mean, in_yaml, one_line

TAGS = ("log", "ordered")


def resolved(config: Any) -> Any:
    """Plain lists, mappings and scalars from an OmegaConf config; any other value unchanged."""
    if not OmegaConf.is_config(config):
        return config
    try:
        return OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"hydra.sweeper: the config cannot be resolved: {one_line(str(error))}") from None


@contextmanager
def given_as(where: str, name: str) -> Iterator[None]:
    """Within the block, a ConfigError about parameter ``name`` names the place ``where`` the user gave it."""
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
    override = _with_key(key, parser, where)
    if entry == "???":
        raise ConfigError(f"{where}: the value is missing (???); give a sweep, such as interval(0, 1), or a value")
    if isinstance(entry, str):
        override = parse_override(f"{key}={entry.strip()}", parser, where)
        return read_override(override)
    refuse_hydra_key(override)
    name, prefix = key_of(override), prefix_of(override)
    if isinstance(entry, Mapping):
        return read_mapping(name, prefix, dict(entry))
    if isinstance(entry, Sequence):
        raise ConfigError(
            f"{where}: a list may mean a choice or a value; for a choice write choice(...) or"
            " {type: choice, values: [...]}, for a value {type: fixed, value: [...]}"
        )
    return Fixed(name, entry, prefix)


def _with_key(key: str, parser: OverridesParser, where: str) -> Override:
    """An override of the key.

    Raises:
        ConfigError: it is no key of a config.
    """
    try:
        if key.strip("+~ "):
            return parse_override(f"{key}=null", parser, where)
    except ConfigError:
        pass
    place = where if key else PARAMS
    raise ConfigError(f"{place}: Hydra cannot read the key {key!r}; write it with dots and without spaces: model.lr")


def read_override(override: Override) -> Parameter:
    """A parameter from a parsed override; an override without a sweep gives a Fixed."""
    refuse_hydra_key(override)
    name, prefix, sweep = key_of(override), prefix_of(override), override.value()
    if override.is_delete():
        raise ConfigError(
            f"{name}: a deletion cannot be a parameter; give ~{name} on the command line, without a value"
        )
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
    values = [hydra_internals.element_value(value) for value in sweep.list]
    return choice_or_fixed(name, values, "ordered" in sweep.tags or None, prefix)


def refuse_hydra_key(override: Override) -> None:
    name = key_of(override)
    if name.startswith(f"{PARAMS}."):
        key, _, value = str(override.input_line).partition("=")
        raise ConfigError(f"{name}: a search that is written here needs quotes of its own: '{key}=\"{value}\"'")
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
    """A Range from Hydra's range, which excludes its stop, may run downwards, and need not end on a whole step."""
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
            f"{name}: range({start}, {stop}, {step}) is empty; the step must lead from start towards stop"
        )
    ends = sorted((start, start + (count - 1) * step))
    cast = int if value_type == "int" else float
    bounds = (cast(ends[0]), cast(ends[1]))
    return range_or_fixed(name, bounds, value_type, log_scale, cast(abs(step)), prefix)


PARAMS = "hydra.sweeper.params"
FIELDS = {
    "range": ("bounds", "value_type", "log_scale", "step"),
    "choice": ("values", "value_type", "is_ordered"),
    "fixed": ("value", "value_type"),
}
_NEEDED = {"range": "bounds", "choice": "values", "fixed": "value"}
_BOUNDS = Rule(
    "two numbers, such as [16, 128]",
    lambda bounds: isinstance(bounds, Sequence) and len(bounds) == 2 and all(map(is_number, bounds)),
)
_TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


def read_mapping(name: str, prefix: str, entry: dict[str, Any]) -> Parameter:
    where = f"{PARAMS}.{name}"
    kind = _kind_of(entry)
    entry.pop("type", None)
    if not isinstance(kind, str) or kind not in FIELDS:
        if remedy := PARAMETER_TYPES.get(str(kind)):
            raise ConfigError(f"{where}.type: must be range, choice or fixed, got {in_yaml(kind)}; {remedy}")
        given = (
            in_yaml(kind)
            if kind
            else f"none (its keys are {', '.join(map(str, entry))})"
            if entry
            else "an empty mapping"
        )
        hint = did_you_mean(kind, FIELDS) if kind else "write one, or a nested key with dots, such as model.lr"
        raise ConfigError(f"{where}: type must be range, choice or fixed, got {given}; {hint}")
    check_keys(where, entry, ("type", *FIELDS[kind]), {key: each.remedy for key, each in PARAMETER_FIELDS.items()})
    if _NEEDED[kind] not in entry:
        raise ConfigError(f"{where}: type {kind} needs the key {_NEEDED[kind]!r}")
    value_type = entry.pop("value_type", None)
    check(f"{where}.value_type", value_type, or_null(one_of(_TYPES)))
    read = {"range": _range_mapping, "choice": _choice_mapping, "fixed": _fixed_mapping}[kind]
    return read(name, prefix, value_type, entry)


def unknown_fields(entry: Mapping[str, Any]) -> dict[str, str]:
    """The fields that a parameter written as a mapping does not have, each with its remedy."""
    kind = str(_kind_of(entry))
    valid = ("type", *FIELDS.get(kind, ("value_type", "step")))
    unknown = {str(key): PARAMETER_FIELDS[key].remedy for key in entry if key in PARAMETER_FIELDS and key not in valid}
    if kind in FIELDS:
        return {str(key): meant(str(key), valid) for key in entry if key not in valid} | unknown
    return ({"type": PARAMETER_TYPES[str(kind)]} if str(kind) in PARAMETER_TYPES else {}) | unknown


def _kind_of(entry: Mapping[str, Any]) -> Any:
    return entry.get("type") or next((kind for kind, key in _NEEDED.items() if key in entry), None)


def _range_mapping(name: str, prefix: str, value_type: str | None, entry: dict[str, Any]) -> Parameter:
    bounds = check(f"{PARAMS}.{name}.bounds", entry["bounds"], _BOUNDS)
    if value_type in ("str", "bool"):
        raise ConfigError(f"{PARAMS}.{name}.value_type: must be int or float for a range, got {value_type!r}")
    if value_type is None:
        value_type = "int" if all(isinstance(bound, int) for bound in bounds) else "float"
    log_scale = _flag(name, entry, "log_scale") or False
    step = entry.get("step")
    if step is not None:
        step = finite_number(step, f"{PARAMS}.{name}.step:")
    return range_or_fixed(name, (bounds[0], bounds[1]), value_type, log_scale, step, prefix)


def _choice_mapping(name: str, prefix: str, value_type: str | None, entry: dict[str, Any]) -> Parameter:
    values = check(f"{PARAMS}.{name}.values", entry["values"], a_list("values, such as [32, 64]"))
    typed = [_typed(f"{PARAMS}.{name}.values", value, value_type) for value in values]
    return choice_or_fixed(name, typed, _flag(name, entry, "is_ordered"), prefix)


def _fixed_mapping(name: str, prefix: str, value_type: str | None, entry: dict[str, Any]) -> Parameter:
    return Fixed(name, _typed(f"{PARAMS}.{name}.value", entry["value"], value_type), prefix)


def _typed(where: str, value: Any, value_type: str | None) -> Any:
    if value_type is None:
        return value
    if value_type == "float" and is_number(value):
        return finite_number(value, f"{where}:")
    if type(value) is _TYPES[value_type]:
        return value
    raise ConfigError(
        f"{where}: must be of the value_type {value_type}, got {in_yaml(value)}; write it as one, or leave"
        " value_type out"
    )


def _flag(name: str, entry: Mapping[str, Any], key: str) -> bool | None:
    flag: bool | None = check(f"{PARAMS}.{name}.{key}", entry.get(key), or_null(FLAG))
    return flag


def range_or_fixed(
    name: str, bounds: tuple[Any, Any], value_type: Any, log_scale: bool, step: Any, prefix: str
) -> Range | Fixed:
    """A Range, or a Fixed if both bounds are equal."""
    cast = whole_number if value_type == "int" else finite_number
    lower, upper = cast(bounds[0], f"{name}: the lower bound"), cast(bounds[1], f"{name}: the upper bound")
    if lower == upper:
        return Fixed(name, lower, prefix)
    return Range(name, lower, upper, value_type, log_scale, step, prefix)


def choice_or_fixed(name: str, values: Sequence[Any], is_ordered: bool | None, prefix: str) -> Choice | Fixed:
    """A Choice, or a Fixed if there is only one value; ``is_ordered`` None means ordered if all values are numbers."""
    if is_ordered is None:
        is_ordered = all(map(is_number, values))
    if len(values) == 1:
        return Fixed(name, values[0], prefix)
    return Choice(name, tuple(values), is_ordered, prefix)
