"""Files that are written whole or not at all, and what to do while the disk takes none."""

import contextlib
import errno
import logging
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ax_moo.system.errors import ConfigError

log = logging.getLogger(__name__)

T = TypeVar("T")

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

PASSING = frozenset(
    {
        *NO_ROOM,
        # A disk or a file server that has a bad moment, or is started again.
        *(errno.EIO, errno.EREMOTEIO, errno.ESTALE, errno.EAGAIN, errno.EBUSY, errno.ENOLCK),
        # A file server that cannot be reached. ETIMEDOUT is what a soft mount says; a hard one would wait as we do.
        *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH),
        *(errno.ENOTCONN, errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.ESHUTDOWN),
        # What other threads and processes hold, and give back when they end.
        *(errno.ENOMEM, errno.EMFILE, errno.ENFILE),
    }
)
"""What passes without anybody doing something about it. Not among them: EACCES, EPERM, EISDIR, ENOTDIR, ENOENT, which
come again until somebody mends them; and EROFS, since a disk that was remounted read-only after an error stays so."""

TRY_AGAIN_SECONDS = 2.0
_ROOM_BYTES = 1 << 20
_ROOM_SHARE = 0.05
_SAY_AGAIN_SECONDS = 600.0


def has_room(folder: Path) -> bool:
    """Whether the few small files of another trial fit on the folder's disk: a megabyte, or 5 % of a smaller disk."""
    try:
        usage, inodes = shutil.disk_usage(folder), os.statvfs(folder)
    except OSError:
        return True  # the next write will tell
    return usage.free >= min(_ROOM_BYTES, _ROOM_SHARE * usage.total) and (not inodes.f_files or inodes.f_favail > 0)


class CannotWrite(ConfigError):
    """What is to be written cannot be, and waiting would not help.

    Before the first job it is a mistake in ``hydra.sweep.dir`` like any other; later it is the end of the sweep.
    """

    def __init__(self, what: str, remedy: str = "name a folder that you can write to") -> None:
        super().__init__(f"hydra.sweep.dir: {what}; {remedy}")
        self.what = what

    @classmethod
    def because(cls, error: OSError, where: Path) -> "CannotWrite":
        path, why = error.filename or where, error.strerror or error
        if error.errno == errno.EISDIR:
            return cls(f"cannot write to {path}: it is a directory", "move it away, or name another folder")
        return cls(f"cannot write to {path}: {why}")


def until_written(write: Callable[[], T], where: Path) -> T:
    """What ``write`` returns; while the disk takes nothing, and that may pass, the caller pauses and the log says why.

    Raises:
        CannotWrite: it will not pass.
    """
    said_at: float | None = None
    while True:
        try:
            value = write()
        except OSError as error:
            if error.errno not in PASSING:
                raise CannotWrite.because(error, where) from error
            if said_at is None or time.monotonic() - said_at > _SAY_AGAIN_SECONDS:
                said_at = time.monotonic()
                why = error.strerror or str(error)
                log.warning("Paused: cannot write to %s (%s); the sweep goes on as soon as that works", where, why)
            time.sleep(TRY_AGAIN_SECONDS)
        else:
            if said_at is not None:
                log.info("Writing to %s works again", where)
            return value


def replace_file(path: Path, data: str | bytes) -> None:
    """Put a whole file in the place of an old one: a reader finds the one or the other, also after a loss of power.

    OSError leaves the old file as it was, and nothing beside it. The file keeps its mode. Several processes may do
    this at the same time; the last one wins.
    """
    # A text may hold half of a surrogate pair, where somebody's bytes were not UTF-8.
    content = data.encode(errors="backslashreplace") if isinstance(data, str) else data
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        _write_new(aside, content, _mode(path))
        os.replace(aside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error  # nobody knows the name aside
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in the folder on the disk, where its file system can do that for a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _write_new(path: Path, content: bytes, mode: int | None) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
        if mode is not None:
            with contextlib.suppress(OSError):  # a file system without modes
                os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _mode(path: Path) -> int | None:
    """The mode of the file that is there, if there is one."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
