"""Files that only their owner can read, because they may hold secrets; no other mode is seen even for a moment."""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o600
_OTHERS = 0o077


def open_private(path: Path | str, flags: int) -> int:
    """Open a file, which is created for its owner alone; one that is there already becomes its owner's alone.

    A link is not followed: it may lead to any file of this user's.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW, PRIVATE)
    with contextlib.suppress(OSError):  # another user's, or a file system without modes
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & _OTHERS:
            os.fchmod(descriptor, mode & ~_OTHERS)
    return descriptor


@contextmanager
def private_files() -> Iterator[None]:
    """Within the block the files that this process creates are its user's alone, also those that a library writes."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, in which not every user can write, whatever the umask is."""
    before = os.umask(stat.S_IWOTH)
    os.umask(before | stat.S_IWOTH)
    try:
        path.mkdir(parents=True, exist_ok=True)
    finally:
        os.umask(before)


def all_private() -> None:
    """From now on the files that this process creates are its user's alone."""
    os.umask(os.umask(_OTHERS) | _OTHERS)


def keep_private(path: Path) -> None:
    """Take the rights of others from a file or folder, if that is possible."""
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & _OTHERS and not path.is_symlink():
            path.chmod(mode & ~_OTHERS)
