"""Writing files completely or not at all, and waiting while a disk is full or a file server is away."""

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
from ax_moo.system.private_files import PRIVATE

log = logging.getLogger(__name__)

T = TypeVar("T")

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

PASSING = frozenset(
    {
        *NO_ROOM,
        # A disk or a file server has a short failure, or is restarted.
        *(errno.EIO, errno.EREMOTEIO, errno.ESTALE, errno.EAGAIN, errno.EBUSY, errno.ENOLCK),
        # A file server cannot be reached. A soft mount returns ETIMEDOUT; a hard mount would wait, as we do.
        *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH),
        *(errno.ENOTCONN, errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.ESHUTDOWN),
        # Other threads and processes hold the memory or the file descriptors, and free them when they end.
        *(errno.ENOMEM, errno.EMFILE, errno.ENFILE),
    }
)
"""The error numbers of failures that can end by themselves, so that trying again makes sense.

EACCES, EPERM, EISDIR, ENOTDIR and ENOENT are left out: they come back until somebody repairs the cause. EROFS is left
out, too: a disk that was remounted read-only after an error stays read-only."""

TRY_AGAIN_SECONDS = 2.0
_ROOM_BYTES = 1 << 20
_ROOM_SHARE = 0.05
_SAY_AGAIN_SECONDS = 600.0


def has_room(folder: Path) -> bool:
    """Whether the small files of one more trial fit on the folder's disk: 1 MB is free, or 5 % of a small disk."""
    try:
        usage, inodes = shutil.disk_usage(folder), os.statvfs(folder)
    except OSError:
        return True  # the next write finds out
    return usage.free >= min(_ROOM_BYTES, _ROOM_SHARE * usage.total) and (not inodes.f_files or inodes.f_favail > 0)


class CannotWrite(ConfigError):
    """A file cannot be written, and waiting would not help.

    Before the first job this is a config mistake in ``hydra.sweep.dir``; later it ends the sweep.
    """

    def __init__(self, what: str, remedy: str = "name a folder that you can write to") -> None:
        super().__init__(f"hydra.sweep.dir: {what}; {remedy}")
        self.what = what

    @classmethod
    def because(cls, error: OSError, where: Path) -> "CannotWrite":
        path, why = error.filename or where, error.strerror or error
        if error.errno == errno.EISDIR:
            return cls(f"cannot write to {path}: it is a directory", "move it away, or name another folder")
        if error.errno == errno.ELOOP:  # opened without following links: private_files
            return cls(f"cannot write to {path}: it is a link", "put the file itself there, or name another folder")
        return cls(f"cannot write to {path}: {why}")


def until_written(write: Callable[[], T], where: Path) -> T:
    """Call ``write`` until it succeeds, and return its value. The log says why the caller is paused.

    Raises:
        CannotWrite: ``write`` failed with an error that is not in ``PASSING``.
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
                log.warning("Paused: cannot write to %s (%s); the sweep goes on as soon as writing works", where, why)
            time.sleep(TRY_AGAIN_SECONDS)
        else:
            if said_at is not None:
                log.info("Writing to %s works again", where)
            return value


def replace_file(path: Path, data: str | bytes, is_private: bool = False) -> None:
    """Replace a file atomically: a reader finds the old file or the new one, also after a power failure.

    The file keeps its mode; a private one is its owner's alone. When this raises OSError, the old file is unchanged
    and no temporary file is left. Several processes may replace the same file at the same time; the last one wins.
    """
    # Text that came from bytes which are not UTF-8 may hold lone surrogates.
    content = data.encode(errors="backslashreplace") if isinstance(data, str) else data
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        _write_new(aside, content, PRIVATE if is_private else _mode(path))
        os.replace(aside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError):
            # The error names the file that the caller knows, not the temporary one.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    sync_folder(path.parent)


def create_file(path: Path, data: str, is_private: bool = False) -> bool:
    """Write a file that does not exist yet, with its whole content at once; False if there is one already.

    Of several processes that do so at the same time one succeeds.
    """
    aside = path.with_name(f".{path.name.lstrip('.')}.{secrets.token_hex(4)}.new")
    try:
        _write_new(aside, data.encode(errors="backslashreplace"), PRIVATE if is_private else None)
        return _link(aside, path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()


def _link(aside: Path, path: Path) -> bool:
    try:
        os.link(aside, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links: the name is taken first, and the content comes at once after it
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            return False
        os.replace(aside, path)
    return True


def is_same_folder(one: Path, other: Path) -> bool:
    """Whether both paths lead to one folder, also through links and through two mounts of one file system."""
    try:
        first, second = os.stat(one), os.stat(other)
    except OSError:
        return False
    # No copy has the time of the last change of its original.
    is_one = (first.st_ino, first.st_ctime_ns) == (second.st_ino, second.st_ctime_ns)
    return is_one or os.path.samestat(first, second)


def sync_folder(folder: Path) -> None:
    """Write the folder's list of names to the disk, where the file system can sync a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _write_new(path: Path, content: bytes, mode: int | None) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode), "wb") as file:
        if mode is not None:
            with contextlib.suppress(OSError):  # a file system without modes
                os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
