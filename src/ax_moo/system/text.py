"""Text for people: what an exception says in one line, and what somebody probably meant to write."""

import difflib
from collections.abc import Iterable, Sequence

_LONGEST = 500


def error_line(error: BaseException) -> str:
    """Type and message of an exception, and of the one that it was raised from first."""
    line = _headline(error)
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    if root is not error:
        line = f"{line} (caused by {_headline(root)})"
    return one_line(line)


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, for exceptions whose further lines are hints for programmers."""
    lines = [line.strip() for line in _message(error).splitlines() if line.strip()]
    return one_line(lines[0]).rstrip(".") if lines else type(error).__name__


def one_line(text: str) -> str:
    """Text as one line that fits into a table."""
    # Undecodable bytes of a file name live on in Python's strings, and no file or terminal takes them.
    line = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def did_you_mean(word: object, valid: Iterable[str]) -> str:
    """The end of an error message: the nearest valid word if one is near, and all of them."""
    words = list(valid)
    near = nearest(word, words)
    hint = f"did you mean {near!r}? " if near else ""
    return f"{hint}valid: {', '.join(words) or 'none'}"


def nearest(word: object, valid: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(str(word), valid, n=1)), None)


def _headline(error: BaseException) -> str:
    # What follows the line in its sentence would stand behind a full stop.
    name, message = type(error).__name__, _message(error).strip().rstrip(".")
    return f"{name}: {message}" if message else name


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its message cannot be shown)"
