"""A disk that is full, or cannot be written to for a while: wait, and lose nothing."""

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
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


def until_written(write: Callable[[], T], where: Path) -> T:
    """What ``write`` returns; while it raises OSError, the caller pauses, and the log says why."""
    said_at: float | None = None
    while True:
        try:
            value = write()
        except OSError as error:
            if said_at is None or time.monotonic() - said_at > _SAY_AGAIN_SECONDS:
                said_at = time.monotonic()
                why = error.strerror or str(error)
                log.warning("Paused: cannot write to %s (%s); the sweep goes on as soon as that works", where, why)
            time.sleep(TRY_AGAIN_SECONDS)
        else:
            if said_at is not None:
                log.info("Writing to %s works again", where)
            return value
