"""Whether it is a full disk that an exception is about."""

from collections.abc import Iterator
from pathlib import Path

from ax_moo.system import disk
from ax_moo_launchers.job.exit_codes import NO_SPACE_LEFT

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
