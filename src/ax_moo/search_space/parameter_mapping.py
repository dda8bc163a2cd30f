"""One parameter out of a mapping in ``hydra.sweeper.params``: ``{type: range, bounds: [16, 128], log_scale: true}``."""

from collections.abc import Mapping, Sequence
from typing import Any

from ax_moo.search_space.parameters import Choice, Fixed, Parameter, Range
from ax_moo.search_space.values import finite_number, is_number, whole_number
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean

PARAMS = "hydra.sweeper.params"
_KEYS = {
    "range": ("bounds", "value_type", "log_scale", "step"),
    "choice": ("values", "value_type", "is_ordered"),
    "fixed": ("value", "value_type"),
}
_NEEDED = {"range": "bounds", "choice": "values", "fixed": "value"}
_TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


def read_mapping(name: str, prefix: str, entry: dict[str, Any]) -> Parameter:
    where = f"{PARAMS}.{name}"
    kind = entry.pop("type", None) or next((kind for kind, key in _NEEDED.items() if key in entry), None)
    if kind not in _KEYS:
        given = f"type is {kind!r}" if kind else f"no type among the keys {', '.join(map(str, entry)) or '(none)'}"
        raise ConfigError(
            f"{where}: {given}; {did_you_mean(kind, _KEYS)}. (Write the key of a nested value in one: model.lr)"
        )
    for key in entry:
        if key not in _KEYS[kind]:
            valid = ("type", *_KEYS[kind])
            raise ConfigError(f"{where}: unknown key {key!r} for type {kind}; {did_you_mean(key, valid)}")
    if _NEEDED[kind] not in entry:
        raise ConfigError(f"{where}: type {kind} needs the key {_NEEDED[kind]!r}")
    value_type = entry.pop("value_type", None)
    if value_type is not None and value_type not in _TYPES:
        raise ConfigError(f"{where}.value_type: unknown type {value_type!r}; {did_you_mean(value_type, _TYPES)}")
    read = {"range": _range_mapping, "choice": _choice_mapping, "fixed": _fixed_mapping}[kind]
    return read(name, prefix, value_type, entry)


def _range_mapping(name: str, prefix: str, value_type: str | None, entry: dict[str, Any]) -> Parameter:
    bounds = entry["bounds"]
    if not isinstance(bounds, Sequence) or len(bounds) != 2 or not all(map(is_number, bounds)):
        raise ConfigError(f"{PARAMS}.{name}.bounds: must be two numbers, such as [16, 128], and is {bounds!r}")
    if value_type in ("str", "bool"):
        raise ConfigError(f"{PARAMS}.{name}.value_type: a range is int or float, and not {value_type}")
    if value_type is None:
        value_type = "int" if all(isinstance(bound, int) for bound in bounds) else "float"
    log_scale = _flag(name, entry, "log_scale") or False
    step = entry.get("step")
    if step is not None:
        step = finite_number(step, f"{PARAMS}.{name}.step:")
    return range_or_fixed(name, (bounds[0], bounds[1]), value_type, log_scale, step, prefix)


def _choice_mapping(name: str, prefix: str, value_type: str | None, entry: dict[str, Any]) -> Parameter:
    values = entry["values"]
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ConfigError(f"{PARAMS}.{name}.values: must be a list, such as [32, 64], and is {values!r}")
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
        f"{where}: {value!r} is no {value_type}, and value_type says {value_type}; write it as one,"
        " or leave value_type out"
    )


def _flag(name: str, entry: Mapping[str, Any], key: str) -> bool | None:
    flag = entry.get(key)
    if flag is not None and not isinstance(flag, bool):
        raise ConfigError(f"{PARAMS}.{name}.{key}: must be true or false, and is {flag!r}")
    return flag


def range_or_fixed(
    name: str, bounds: tuple[Any, Any], value_type: Any, log_scale: bool, step: Any, prefix: str
) -> Range | Fixed:
    """A Range, or a Fixed when both bounds are equal."""
    cast = whole_number if value_type == "int" else finite_number
    lower, upper = cast(bounds[0], f"{name}: the lower bound"), cast(bounds[1], f"{name}: the upper bound")
    if lower == upper:
        return Fixed(name, lower, prefix)
    return Range(name, lower, upper, value_type, log_scale, step, prefix)


def choice_or_fixed(name: str, values: Sequence[Any], is_ordered: bool | None, prefix: str) -> Choice | Fixed:
    """A Choice, or a Fixed when there is one value only; ``is_ordered`` None means ordered when all are numbers."""
    if is_ordered is None:
        is_ordered = all(map(is_number, values))
    if len(values) == 1:
        return Fixed(name, values[0], prefix)
    return Choice(name, tuple(values), is_ordered, prefix)
