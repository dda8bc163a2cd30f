"""Who holds a sweep folder, as its lock file says: one JSON object."""

import contextlib
import dataclasses
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_BOOT_TIME_JITTER = 2.5


@dataclass(frozen=True)
class Holder:
    """A process that holds a folder's lock, or held it last; no ``host`` where it has not said who it is.

    ``time`` and ``ended`` are seconds since the epoch. ``since_boot`` is when the process started, counted from the
    start of its host, which a clock that is set does not change.
    """

    host: str
    pid: int
    time: float
    since_boot: float | None = None
    ended: float | None = None
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_alive: bool = False

    def __str__(self) -> str:
        if not self.host:
            return "its process has not said who it is"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.time))
        return f"process {self.pid} on {self.host}, since {since}"

    @property
    def is_here(self) -> bool:
        return self.host == socket.gethostname()

    def runs_here(self) -> bool:
        """Whether this process, and not another one that was given its number, runs on this host."""
        if not self.is_here:
            return False
        started = _since_boot(self.pid)
        return started is not None and (self.since_boot is None or abs(started - self.since_boot) < _BOOT_TIME_JITTER)


def this_process(about: Mapping[str, Any]) -> Holder:
    return Holder(socket.gethostname(), os.getpid(), time.time(), _since_boot(os.getpid()), about=dict(about))


def read(path: Path) -> Holder | None:
    """Who the lock file names; None where it names nobody."""
    try:
        row = json.loads(path.read_bytes().partition(b"\n")[0])
        found = Holder(str(row["host"]), int(row["pid"]), float(row["time"]))
        more = {key: row[key] for key in ("since_boot", "ended", "about") if key in row}
        return dataclasses.replace(found, **more)
    except (OSError, ValueError, TypeError, KeyError):
        return None


class Record:
    """What an open lock file says, written in place, since a file that replaces it would not be locked."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unwritten: bytes | None = None

    def write(self, holder: Holder) -> None:
        """As far as the disk has room: the lock is what matters, this is for people."""
        row = {key: value for key, value in dataclasses.asdict(holder).items() if value is not None}
        del row["is_alive"]
        self._unwritten = json.dumps(row, default=str).encode() + b"\n"
        self.write_again()

    def write_again(self) -> None:
        """Write what the disk had no room for, if there is such."""
        if self._unwritten is None:
            return
        with contextlib.suppress(OSError):
            if os.pwrite(self._descriptor, self._unwritten, 0) == len(self._unwritten):
                os.ftruncate(self._descriptor, len(self._unwritten))
                self._unwritten = None
                return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)  # rather nobody than somebody else


def _since_boot(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time() - psutil.boot_time()
    except psutil.Error:
        return None
