"""What is known in this process: the values that are secret, and the words and keys that are none.

Secret are those of the config, the command line and the environment; they are hidden wherever they occur, as in the
message of an exception. A password that is a plain word or a number, such as ``accuracy``, is hidden only as a whole
word, and not at all where the config has the same word in clear: else all results would be hidden.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from ax_moo.system.redaction.keys import HIDDEN, Level, level_of

SHORTEST = 6
"""A shorter value would also be found in other words."""

_LONG_LINE = 16
_PLAIN = re.compile(r"[^\W\d]+(?:-[^\W\d]+)*\d{0,4}|\d+")
_OF_PARAMS = "hydra.sweeper.params."

_values: set[str] = set()
_in_clear: set[str] = set()
_searched: set[str] = set()
_pattern: re.Pattern[str] | None = None


def note(values: Iterable[str]) -> None:
    """Remember these values as secret."""
    new = {form for value in values if len(value) >= SHORTEST for form in _forms(value)} - _values
    if new:
        _values.update(new)
        _compile()


def note_in_clear(words: Iterable[str]) -> None:
    """Remember words that are shown anyway."""
    new = {word for word in words if len(word) >= SHORTEST} - _in_clear
    _in_clear.update(new)
    if new & _values:
        _compile()


def note_searched(names: Iterable[str]) -> None:
    """Remember the parameters that are searched over: their values are results, whatever their names."""
    _searched.update(names)


def is_searched(key: str) -> bool:
    return key.lstrip("+").removeprefix(_OF_PARAMS) in _searched


def learn_environment(environ: Mapping[str, str]) -> None:
    """Remember the values of variables that are named like a secret."""
    note(value for name, value in environ.items() if level_of(name) > Level.NOTHING and not value.startswith("/"))


@contextmanager
def set_aside() -> Iterator[None]:
    """Within the block nothing is known, so that only keys and forms tell what is secret."""
    global _pattern
    before, _pattern = _pattern, None
    try:
        yield
    finally:
        _pattern = before


def forget() -> None:
    """Forget all of it."""
    global _pattern
    for each in (_values, _in_clear, _searched):
        each.clear()
    _pattern = None


def without_known(text: str) -> str:
    return text if _pattern is None else _pattern.sub(HIDDEN, text)


def _forms(value: str) -> set[str]:
    """The value as it is, as a URL, an exception, JSON and the one line of a message have it, and its long lines."""
    lines = [line for line in value.splitlines() if len(line) >= _LONG_LINE]
    spelled = (quote(value, safe=""), repr(value)[1:-1], json.dumps(value)[1:-1], " ".join(value.split()))
    return {form for form in (value, *spelled, *lines) if len(form) >= SHORTEST}


def _compile() -> None:
    global _pattern
    # The longest come first: one secret may be the beginning of another.
    values = sorted(_values, key=len, reverse=True)
    found = [_found(each) for each in values if not (each in _in_clear and _PLAIN.fullmatch(each))]
    _pattern = re.compile("|".join(found)) if found else None


def _found(value: str) -> str:
    """The expression that finds the value."""
    if value.isdigit():
        return rf"(?<![\w.]){value}(?!\w|\.\d)"  # no part of another number
    return rf"(?<![\w-]){re.escape(value)}(?![\w-])" if _PLAIN.fullmatch(value) else re.escape(value)
