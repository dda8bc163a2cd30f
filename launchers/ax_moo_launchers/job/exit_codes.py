"""Exit codes of a job's process, and what they say."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from ax_moo.system import disk

TERMINATED = 128 + signal.SIGTERM
NO_ROOM = os.EX_IOERR
"""A full disk takes no note that says why a job ended; this says it."""

NO_SPACE_LEFT = "no space left on device"
NO_RESULT = "no result written"


def exit_words(code: int) -> str:
    if code == NO_ROOM:
        return f"{NO_SPACE_LEFT} (exit code {code})"
    if code < 0 or code == TERMINATED:
        number = -code if code < 0 else signal.SIGTERM
        return f"killed by signal {number} ({_name(number)})"
    return f"exit code {code}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


_MESSAGES = ("No space left on device", "Disk quota exceeded", "database or disk is full")


def no_room(error: BaseException, folder: Path) -> str | None:
    """Where there was no room, in one line; None where the exception has another cause.

    Not every library hands the system's reason on: while the job's own disk is full, that is the reason.
    """
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in disk.NO_ROOM:
            return f"{NO_SPACE_LEFT}: {each.filename}" if each.filename else NO_SPACE_LEFT
        if any(message in _message(each) for message in _MESSAGES):
            return NO_SPACE_LEFT
    return None if disk.has_room(folder) else f"{NO_SPACE_LEFT}: {folder}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, and what it was raised from or while."""
    found: list[BaseException] = []
    open_ends: list[BaseException | None] = [error]
    while open_ends:
        each = open_ends.pop()
        if each is not None and not any(each is other for other in found):
            found.append(each)
            yield each
            open_ends += [each.__context__, each.__cause__]


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
