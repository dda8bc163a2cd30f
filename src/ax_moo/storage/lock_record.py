"""The text of a sweep folder's lock file: it names the process that holds the lock, or held it last."""

import contextlib
import dataclasses
import json
import os
from pathlib import Path

from ax_moo.storage.files import HOME
from ax_moo.storage.lock_holder import Holder
from ax_moo.storage.lock_rules import is_right
from ax_moo.system.disk import is_same_folder
from ax_moo.system.regular_files import read_regular

LOCK_FILE = "lock"


def read(path: Path) -> Holder | None:
    """The process that the lock file names; None if it names none, or is not what a sweeper has written."""
    try:
        row = json.loads(read_regular(path).partition(b"\n")[0])
    except (OSError, ValueError, RecursionError):
        return None
    if not is_right(row):
        return None
    more = {key: row[key] for key in ("since_boot", "ended", "about") if key in row}
    return Holder(row["host"], row["pid"], row["time"], **more)


def is_copied(found: Holder, path: Path) -> bool:
    """Whether the file was copied with its folder: the file that the process itself has written is elsewhere."""
    home = found.about.get(HOME)
    if not isinstance(home, str) or is_same_folder(Path(home), path.parent):
        return False
    return found.is_same(read(Path(home) / LOCK_FILE))


class LockRecord:
    """The text of an open lock file. It is written in place, because a file that replaces it would not be locked."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unwritten: bytes | None = None

    def write(self, holder: Holder) -> None:
        """Write the holder, if the disk has room: the lock works without the text, which is for people."""
        row = {key: value for key, value in dataclasses.asdict(holder).items() if value is not None}
        del row["is_alive"]
        self._unwritten = json.dumps(row, default=str).encode() + b"\n"
        self.write_again()

    def write_again(self) -> None:
        """Write the text that the disk had no room for, if there is any."""
        if self._unwritten is None:
            return
        with contextlib.suppress(OSError):
            if os.pwrite(self._descriptor, self._unwritten, 0) == len(self._unwritten):
                os.ftruncate(self._descriptor, len(self._unwritten))
                self._unwritten = None
                return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)  # no name is better than the name of an earlier holder
