"""The journal's file as one process opens it for writing: locked, and unbuffered."""

import fcntl
from pathlib import Path
from typing import IO

from ax_moo.system.errors import ConfigError


def open_locked(path: Path) -> IO[bytes]:
    """The file for appending, made if need be, and locked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by close()
    try:
        _lock(file, path)
    except BaseException:
        file.close()
        raise
    return file


def read_all(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _lock(file: IO[bytes], path: Path) -> None:
    """The folder's lock keeps a second sweeper away; this keeps it away also where somebody has removed the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            f"hydra.sweep.dir: another process writes {path}, although it does not hold the lock"
        ) from None
    except OSError:
        return  # a file system without locks


def write_all(file: IO[bytes], data: bytes) -> None:
    while data:
        data = data[file.write(data) :]
