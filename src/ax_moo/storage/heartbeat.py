"""A sign of life in a file's modification time, for file systems whose locks do not reach from host to host."""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

BEAT_SECONDS = 10.0
FRESH_SECONDS = 60.0
WATCH_SECONDS = 2.5 * BEAT_SECONDS
_LOOK_SECONDS = 1.0


@contextmanager
def beating(descriptor: int, also: Callable[[], None]) -> Iterator[None]:
    """Touch an open file every ten seconds from a thread, which calls ``also`` first."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):
                also()
                os.utime(descriptor)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def is_fresh(path: Path) -> bool:
    """Whether the file was touched within the last minute, by the clock of its own file system."""
    try:
        return _now_in(path.parent) - path.stat().st_mtime < FRESH_SECONDS
    except OSError:
        return False


def moves(path: Path) -> bool:
    """Whether somebody touches the file, which takes 25 seconds to deny."""
    before, until = _touched(path), time.monotonic() + WATCH_SECONDS
    while time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        if _touched(path) != before:
            return True
    return False


def _touched(path: Path) -> float:
    # Opening a file makes a network file system ask for what it would else answer from memory.
    with open(path, "rb") as file:
        return os.fstat(file.fileno()).st_mtime


def _now_in(folder: Path) -> float:
    """The time of a file just written in the folder: hosts may disagree about the time, one file system does not."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\n")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()
