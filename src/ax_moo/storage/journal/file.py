"""Opening the journal's file for writing, with a lock and without a buffer."""

import fcntl
from pathlib import Path
from typing import IO

from ax_moo.system.errors import ConfigError
from ax_moo.system.private_files import open_private


def open_locked(path: Path) -> IO[bytes]:
    """Open the file for appending and lock it; it is created if it does not exist, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+b", buffering=0, opener=open_private)  # noqa: SIM115 - closed by close()
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
    """Refuse a second sweeper also after somebody has removed the folder's lock file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            f"hydra.sweep.dir: another process writes {path}, although it does not hold the folder's lock; end that"
            " process, or name another folder"
        ) from None
    except OSError:
        return  # the file system has no locks


def write_all(file: IO[bytes], data: bytes) -> None:
    while data:
        data = data[file.write(data) :]
