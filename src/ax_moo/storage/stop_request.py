"""The request of `ax-moo stop` to a running sweep: a file in its folder, so that it reaches a sweeper on any host.

Whoever may write to the folder may put anything in its place, and the sweep looks at it in every round.
"""

import contextlib
import os
import secrets
import stat
from enum import StrEnum
from pathlib import Path

from ax_moo.system.disk import replace_file
from ax_moo.system.regular_files import open_regular

STOP_FILE = "stop"

_LONGEST = 64
_READABLE = 0o644

Written = tuple[int, int, int]
"""What tells a request from one that is written later: inode, size, time."""


class StopRequest(StrEnum):
    """``FINISH``: start no new trials and let the running ones finish. ``NOW``: cancel the running trials."""

    FINISH = "finish"
    NOW = "now"


def ask(folder: Path, request: StopRequest) -> None:
    replace_file(folder / STOP_FILE, f"{request}\n")
    with contextlib.suppress(OSError):  # the sweep may be another user's
        os.chmod(folder / STOP_FILE, _READABLE)


def asked(folder: Path) -> StopRequest | None:
    """The request to the sweep in this folder; None if there is no request.

    A file that cannot be read, or holds another word, is the milder request.
    """
    try:
        with open_regular(folder / STOP_FILE) as file:
            word = file.read(_LONGEST).strip().decode(errors="replace")
    except PermissionError:
        return StopRequest.FINISH
    except OSError:
        return None
    return StopRequest.NOW if word == StopRequest.NOW else StopRequest.FINISH


def written(folder: Path) -> Written | None:
    """Which request is there. A start looks before it takes the folder's lock."""
    return _written(folder / STOP_FILE)


def clear_earlier(folder: Path, earlier: Written | None) -> None:
    """Remove the request that was there before this start took the lock: it was for an earlier run.

    A request that came later is for this run, also in the moment of its start.
    """
    if earlier is None or written(folder) != earlier:
        return
    # It may be replaced at this moment. So it is taken away first, and put back where it is another one.
    aside = folder / f".{STOP_FILE}.{secrets.token_hex(4)}.old"
    with contextlib.suppress(FileNotFoundError):
        os.rename(folder / STOP_FILE, aside)
        if _written(aside) != earlier:
            with contextlib.suppress(OSError):  # there is a still later one
                os.link(aside, folder / STOP_FILE)
        aside.unlink()


def clear(folder: Path) -> None:
    """Remove the request, because the sweep has ended."""
    (folder / STOP_FILE).unlink(missing_ok=True)


def _written(path: Path) -> Written | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return None if stat.S_ISDIR(found.st_mode) else (found.st_ino, found.st_size, found.st_mtime_ns)
