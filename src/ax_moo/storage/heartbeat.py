"""A heartbeat in a file's modification time, for file systems whose locks do not work between hosts."""

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
def beating(descriptor: int, keep: Callable[[], bool]) -> Iterator[None]:
    """Within the block, a thread calls ``keep`` and then touches the open file, every ten seconds.

    It stops where ``keep`` says that the file is another's.
    """
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):
                if not keep():
                    return
                os.utime(descriptor)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def is_fresh(path: Path) -> bool:
    """Whether the file was touched within the last minute, by the clock of the file system."""
    try:
        return _now_in(path.parent) - path.stat().st_mtime < FRESH_SECONDS
    except OSError:
        return False


def moves(path: Path) -> bool:
    """Watch the file for up to 25 seconds; True as soon as somebody touches it."""
    before, until = _touched(path), time.monotonic() + WATCH_SECONDS
    while time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        if _touched(path) != before:
            return True
    return False


def _touched(path: Path) -> float:
    # Opening a file makes a network file system ask its server instead of its cache.
    with open(path, "rb") as file:
        return os.fstat(file.fileno()).st_mtime


def _now_in(folder: Path) -> float:
    """The time of a file just written in the folder: clocks of hosts may differ, but a file system has one clock."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\n")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()
