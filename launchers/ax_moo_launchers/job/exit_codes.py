"""Exit codes of a job's process, and their meaning in words."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from ax_moo.system import disk

TERMINATED = 128 + signal.SIGTERM
NO_ROOM = os.EX_IOERR
"""The exit code of a job that found the disk full, where it cannot write a note that says so."""

NO_SPACE_LEFT = "no space left on device"
NO_RESULT = "no result written"

TIME_LIMIT = "time limit"
COULD_NOT_BE_REQUEUED = "preempted, and could not be requeued"
"""The first words of notes that jobs leave; whoever reads a note knows them by these."""


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
    """One line that says where the disk was full; None if the exception has another cause.

    Some libraries hide the system's error: if the job's own disk is full now, that counts as the cause.
    """
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in disk.NO_ROOM:
            return f"{NO_SPACE_LEFT}: {each.filename}" if each.filename else NO_SPACE_LEFT
        if any(message in _message(each) for message in _MESSAGES):
            return NO_SPACE_LEFT
    return None if disk.has_room(folder) else f"{NO_SPACE_LEFT}: {folder}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and all exceptions from which, or during whose handling, it was raised."""
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
