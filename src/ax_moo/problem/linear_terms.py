"""Reads a sum such as ``2*model.width - 0.5*depth + 3`` over parameters whose names may hold dashes and slashes."""

import math
import re
from collections.abc import Iterator, Sequence

from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean

# What may not follow a name or a number; a dash may, because it is a minus unless a known name holds it.
_END = r"(?![\w$.@/])"
_NUMBER = re.compile(r"(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf|nan)" + _END, re.IGNORECASE)
_NAME = re.compile(r"[\w$][\w$.@/-]*")


class LinearReader:
    """``where`` and ``example`` are the beginning and the end of the message about a text that is no such sum."""

    def __init__(self, names: Sequence[str], where: str, example: str) -> None:
        self._names = names
        longest_first = sorted(names, key=len, reverse=True)
        self._known = re.compile(f"({'|'.join(map(re.escape, longest_first))}){_END}" if names else r"(?!)")
        self._where, self._example = where, example
        self._rest = ""

    def terms(self, text: str) -> Iterator[tuple[float, str | None]]:
        """Weight and name of each term in turn; a constant has no name."""
        self._rest = text.strip()
        yield self._term(-1.0 if self._take("-") else 1.0)
        while self._rest:
            if self._take("+"):
                yield self._term(1.0)
            elif self._take("-"):
                yield self._term(-1.0)
            else:
                raise self._unreadable()

    def _term(self, sign: float) -> tuple[float, str | None]:
        factors = [self._factor()]
        if self._take("*"):
            factors.append(self._factor())
        names = [factor for factor in factors if isinstance(factor, str)]
        if len(names) > 1:
            raise ConfigError(
                f"{self._where}: multiplies two parameters, and only sums of weight*parameter are possible"
            )
        weight = math.prod(factor for factor in factors if isinstance(factor, float))
        return sign * weight, names[0] if names else None

    def _factor(self) -> float | str:
        if name := self._known.match(self._rest):
            self._take(name[0])
            return name[0]
        if number := _NUMBER.match(self._rest):
            self._take(number[0])
            return float(number[0])
        if word := _NAME.match(self._rest):
            raise ConfigError(f"{self._where}: unknown parameter {word[0]!r}; {did_you_mean(word[0], self._names)}")
        raise self._unreadable()

    def _take(self, start: str) -> bool:
        if not self._rest.startswith(start):
            return False
        self._rest = self._rest[len(start) :].lstrip()
        return True

    def _unreadable(self) -> ConfigError:
        at = f"at {self._rest!r}" if self._rest else "to its end"
        return ConfigError(f"{self._where}: cannot be read {at}; {self._example}")
