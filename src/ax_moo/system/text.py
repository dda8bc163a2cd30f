"""Short texts for messages: one line of an exception, a text without control characters, the word that was meant."""

import difflib
import json
import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from ax_moo.system.errors import NoException

_LONGEST = 500
_CONTINUATION = "\n  "
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of control and format characters, lone surrogates, and the ends of lines and paragraphs."""
_JOINERS = "\u200c\u200d"
"""Format characters that some scripts, and composed emoji, are written with."""


def error_line(error: BaseException) -> str:
    """Type and message of an exception, and of its root cause (the first exception of the chain), on one line."""
    return one_line(uncut_error_line(error))


def uncut_error_line(error: BaseException) -> str:
    """The same of any length, for a process that does not know the sweep's secrets: its reader hides them, and cuts."""
    if isinstance(error, NoException):
        return _on_one_line(str(error))
    line = _headline(error)
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    if root is not error:
        line = f"{line} (caused by {_headline(root)})"
    return _on_one_line(line)


def first_line(error: BaseException) -> str:
    """The first line of an exception's message; the other lines of some exceptions are hints for programmers."""
    lines = [line.strip() for line in _message(error).splitlines() if line.strip()]
    return one_line(lines[0]).rstrip(".") if lines else type(error).__name__


def one_line(text: str) -> str:
    """Text as one line of at most 500 characters, for a table."""
    return shortened(_on_one_line(text), _LONGEST)


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning without secrets: once it is cut, the beginning of one cannot be told any more."""
    if len(text) <= longest:
        return text
    from ax_moo.system.redaction import message_without_secrets

    text = message_without_secrets(text)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def visible(text: object) -> str:
    """The text as one line that does nothing but show itself: a control character is shown as ``\\x1b``.

    Names, values and reasons come from an application or from a file. On a terminal some characters would move the
    cursor, end the line, turn the direction of the text around, or run what the terminal offers to programs.
    """
    text = str(text)
    return text if text.isprintable() else "".join(map(_visible, text))


def visible_lines(text: object) -> str:
    """The same for a message that may have more lines, which are indented: other line breaks are no message's own."""
    return _CONTINUATION.join(map(visible, str(text).split(_CONTINUATION)))


def visible_block(text: object) -> str:
    """The same for a text of many lines and columns, such as a traceback or a config."""
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in str(text).split("\n"))


def quoted(path: object) -> str:
    """A path as a word of a command that can be copied from a terminal."""
    text = str(path)
    shown = visible(text)
    if shown == text:
        return shlex.quote(text)
    return f"$'{''.join(map(_escaped, text))}'"


def in_yaml(value: object) -> str:
    """A config's value in a message: null, true and false as YAML has them, all else as Python has it."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{in_yaml(key)}: {in_yaml(each)}' for key, each in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(in_yaml, value))}]"
    return repr(value)


def did_you_mean(word: object, valid: Iterable[str]) -> str:
    """The end of an error message: the nearest valid word, if there is one, and all valid words."""
    words = list(valid)
    near = nearest(word, words)
    hint = f"did you mean {near!r}? " if near else ""
    return f"{hint}valid: {', '.join(words) or 'none'}"


def nearest(word: object, valid: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(str(word), valid, n=1)), None)


def _on_one_line(text: str) -> str:
    # Python keeps undecodable bytes of a file name as lone surrogates, which no file or terminal accepts.
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())


def _visible(char: str) -> str:
    if char.isprintable() or char in _JOINERS or unicodedata.category(char) not in _INVISIBLE:
        return char
    return char.encode("unicode_escape").decode()


def _escaped(char: str) -> str:
    """The character within ``$'...'``, by its bytes where it does not show itself."""
    if _visible(char) == char:
        return f"\\{char}" if char in "\\'" else char
    errors = "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in char.encode(errors=errors))


def _headline(error: BaseException) -> str:
    # The message becomes part of a longer sentence, so it must not end with a full stop.
    name, message = type(error).__name__, _message(error).strip().rstrip(".")
    return f"{name}: {message}" if message else name


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its message cannot be shown)"
