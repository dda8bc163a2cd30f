"""The values that are known to be secret in this process: those of the config, the command line and the environment.

They are hidden wherever they occur, as in the message of an exception.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from ax_moo.system.redaction.keys import HIDDEN, Level, level_of

SHORTEST = 6
"""A shorter value would also be found in other words."""

_values: set[str] = set()
_pattern: re.Pattern[str] | None = None


def note(values: Iterable[str]) -> None:
    """Remember these values as secret."""
    global _pattern
    new = {form for value in values for form in _forms(value) if len(value) >= SHORTEST <= len(form)} - _values
    if new:
        _values.update(new)
        # The longest come first: one secret may be the beginning of another.
        _pattern = re.compile("|".join(map(re.escape, sorted(_values, key=len, reverse=True))))


def _forms(value: str) -> tuple[str, ...]:
    """The value as it is, in a URL, and in the one line of a message."""
    return value, quote(value, safe=""), " ".join(value.split())


def learn_environment(environ: Mapping[str, str]) -> None:
    """Remember the values of variables that are named like a secret."""
    note(value for name, value in environ.items() if level_of(name) > Level.NOTHING and not value.startswith("/"))


def forget() -> None:
    """Forget all values."""
    global _pattern
    _values.clear()
    _pattern = None


def without_known(text: str) -> str:
    return text if _pattern is None else _pattern.sub(HIDDEN, text)
