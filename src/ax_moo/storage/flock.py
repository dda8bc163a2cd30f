"""The operating system's lock of an open file; some file systems have none."""

import errno
import fcntl
import os
from enum import Enum, auto
from pathlib import Path

_WITHOUT_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


class Answer(Enum):
    """What the system says to a process that wants to lock a file for itself alone."""

    LOCKED = auto()
    TAKEN = auto()
    NO_LOCKS = auto()


def try_to_lock(descriptor: int) -> Answer:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _WITHOUT_LOCKS:
            return Answer.NO_LOCKS
        if not _is_contention(error):
            raise
        return Answer.TAKEN
    return Answer.LOCKED


def is_locked(path: Path) -> bool:
    """Whether a process has locked the file for itself alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # A shared lock, so that a reader does not take another reader for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return _is_contention(error)
    finally:
        os.close(descriptor)
    return False


def _is_contention(error: OSError) -> bool:
    return error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)
