"""One sweeper per folder."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ax_moo.errors import ConfigError

LOCK_FILE = "lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the sweep folder's lock, which names host, pid and time.

    The operating system lets go of it when the process ends, however it ends.

    Raises:
        ConfigError: another process holds it.
    """
    path = folder / LOCK_FILE
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigError(f"hydra.sweep.dir: a sweep runs in {folder} already ({_holder(path)})") from None
    try:
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "time": time.time()}
        path.write_text(json.dumps(holder) + "\n")
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError):
        return "its process has not said who it is"
