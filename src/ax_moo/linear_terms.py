"""Reads a sum such as ``2*model.width - 0.5*depth + 3`` over parameters whose names may hold dashes and slashes."""

import re
from collections.abc import Iterator, Sequence

from ax_moo.errors import ConfigError
from ax_moo.spelling import did_you_mean

_NUMBER = re.compile(r"(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|nan)(?![\w.@/])", re.IGNORECASE)
_NAME = re.compile(r"[\w$][\w$.@/-]*")


def read_linear(text: str, names: Sequence[str], where: str, example: str) -> Iterator[tuple[float, str | None]]:
    """Weight and name of each term in turn; a constant has no name."""
    position, first = _skip(text, 0), True
    while position < len(text) or first:
        sign, position = _sign(text, position)
        if sign is None and not first:
            raise ConfigError(f"{where} cannot be read at {text[position:]!r}; {example}")
        weight, name, position = _term(text, position, names, where, example)
        yield (sign or 1.0) * weight, name
        first = False


def _term(text: str, position: int, names: Sequence[str], where: str, example: str) -> tuple[float, str | None, int]:
    weight, name = 1.0, None
    for factor in (0, 1):
        value, position = _factor(text, position, names, where, example)
        if isinstance(value, str) and name is not None:
            raise ConfigError(f"{where} multiplies two parameters, and only sums of weight*parameter are possible")
        if isinstance(value, str):
            name = value
        else:
            weight *= value
        if factor == 0 and not text.startswith("*", position):
            break
        position = _skip(text, position + 1) if factor == 0 else position
    return weight, name, position


def _factor(text: str, position: int, names: Sequence[str], where: str, example: str) -> tuple[float | str, int]:
    for name in sorted(names, key=len, reverse=True):
        if re.compile(re.escape(name) + r"(?![\w$.@/])").match(text, position):
            return name, _skip(text, position + len(name))
    if number := _NUMBER.match(text, position):
        return float(number[0]), _skip(text, number.end())
    if word := _NAME.match(text, position):
        raise ConfigError(f"{where}: unknown parameter {word[0]!r}; {did_you_mean(word[0], names)}")
    raise ConfigError(f"{where} cannot be read at {text[position:]!r}; {example}")


def _sign(text: str, position: int) -> tuple[float | None, int]:
    if position < len(text) and text[position] in "+-":
        return (1.0 if text[position] == "+" else -1.0), _skip(text, position + 1)
    return None, position


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
