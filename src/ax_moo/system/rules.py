"""Rules for config values, and the error message about a value that breaks its rule."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean, in_yaml, nearest


@dataclass(frozen=True)
class Rule:
    """What a value must be. ``wanted`` completes the sentence "must be ..."; ``words`` are a choice's valid words."""

    wanted: str
    holds: Callable[[Any], bool]
    words: tuple[str, ...] = ()

    def complaint(self, value: Any) -> str:
        """The error message about a value that breaks the rule, without the name of its key."""
        near = nearest(value, self.words)
        hint = f"; did you mean {near!r}?" if near else ""
        return f"must be {self.wanted}, got {in_yaml(value)}{hint}"


def check(where: str, value: Any, rule: Rule) -> Any:
    """The value, if it keeps the rule; else ConfigError. ``where`` is the config key."""
    if not rule.holds(value):
        raise ConfigError(f"{where}: {rule.complaint(value)}")
    return value


def check_values(where: str, values: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
    """Check the values of several keys below the key ``where``."""
    for key, rule in rules.items():
        if key in values:
            check(f"{where}.{key}", values[key], rule)


def check_keys(
    where: str, given: Iterable[Any], valid: Iterable[str], remedies: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Refuse unknown keys, all at once, and name for each the valid key that was probably meant, or its remedy."""
    keys = list(valid)
    refuse_keys(where, {str(key): remedies.get(str(key)) for key in given if key not in keys}, keys)


def refuse_keys(where: str, unknown: Mapping[str, str | None], valid: Sequence[str], help_for_all: str = "") -> None:
    """Refuse the keys, if there are any; None is the remedy of a key that is like one of the valid ones, or like none.

    ``help_for_all`` ends the message.

    Raises:
        ConfigError: there is at least one such key.
    """
    if len(unknown) == 1:
        key, remedy = next(iter(unknown.items()))
        raise ConfigError(f"{where}.{key}: unknown key; {remedy or did_you_mean(key, valid)}{help_for_all}")
    if unknown:
        told = "; ".join(f"{key} ({remedy or meant(key, valid)})" for key, remedy in unknown.items())
        ending = f"; valid: {', '.join(valid)}" if None in unknown.values() else ""
        raise ConfigError(f"{where}: {len(unknown)} keys are unknown: {told}{ending}{help_for_all}")


def meant(key: str, valid: Sequence[str]) -> str:
    """What to do about an unknown key, in a message that does not list the valid ones."""
    near = nearest(key, valid)
    return f"did you mean {near!r}?" if near else "leave it out"


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_finite_number(value: Any) -> bool:
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:  # an int of more than 308 digits
        return False


def whole_number(least: int, most: int | None = None) -> Rule:
    def holds(value: Any) -> bool:
        return type(value) is int and least <= value and (most is None or value <= most)

    return Rule(f"a whole number {f'of at least {least}' if most is None else f'from {least} to {most}'}", holds)


def number(wanted: str, is_in_bounds: Callable[[float], bool]) -> Rule:
    return Rule(wanted, lambda value: is_finite_number(value) and is_in_bounds(value))


def number_above_0(of: str = "") -> Rule:
    return number(f"a number {f'of {of} ' if of else ''}above 0", lambda value: value > 0)


def one_of(words: Iterable[str]) -> Rule:
    valid = tuple(map(str, words))
    return Rule(f"one of {', '.join(valid)}", lambda value: isinstance(value, str) and value in valid, valid)


def a_list(of: str, holds: Callable[[Any], bool] = lambda item: True) -> Rule:
    def is_list(value: Any) -> bool:
        return isinstance(value, Sequence) and not isinstance(value, str) and all(map(holds, value))

    return Rule(f"a list of {of}", is_list)


def a_mapping(such_as: str) -> Rule:
    return Rule(f"a mapping, such as {such_as}", lambda value: isinstance(value, Mapping))


def or_null(rule: Rule) -> Rule:
    return Rule(f"{rule.wanted}, or null", lambda value: value is None or rule.holds(value), rule.words)


FLAG = Rule("true or false", lambda value: isinstance(value, bool))
NAME = Rule("a name", lambda value: isinstance(value, str) and bool(value.strip()))
FINITE = Rule("a finite number", is_finite_number)
