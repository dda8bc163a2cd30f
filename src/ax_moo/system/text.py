"""Short texts for messages: an exception as one line, and the valid word that a user probably meant."""

import difflib
from collections.abc import Iterable, Sequence

from ax_moo.system.errors import NoException

_LONGEST = 500


def error_line(error: BaseException) -> str:
    """Type and message of an exception, and of its root cause (the first exception of the chain), on one line."""
    if isinstance(error, NoException):
        return one_line(str(error))
    line = _headline(error)
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    if root is not error:
        line = f"{line} (caused by {_headline(root)})"
    return one_line(line)


def first_line(error: BaseException) -> str:
    """The first line of an exception's message; the other lines of some exceptions are hints for programmers."""
    lines = [line.strip() for line in _message(error).splitlines() if line.strip()]
    return one_line(lines[0]).rstrip(".") if lines else type(error).__name__


def one_line(text: str) -> str:
    """Text as one line of at most 500 characters, for a table."""
    # Python keeps undecodable bytes of a file name as lone surrogates, which no file or terminal accepts.
    line = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def did_you_mean(word: object, valid: Iterable[str]) -> str:
    """The end of an error message: the nearest valid word, if there is one, and all valid words."""
    words = list(valid)
    near = nearest(word, words)
    hint = f"did you mean {near!r}? " if near else ""
    return f"{hint}valid: {', '.join(words) or 'none'}"


def nearest(word: object, valid: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(str(word), valid, n=1)), None)


def _headline(error: BaseException) -> str:
    # The message becomes part of a longer sentence, so it must not end with a full stop.
    name, message = type(error).__name__, _message(error).strip().rstrip(".")
    return f"{name}: {message}" if message else name


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its message cannot be shown)"
