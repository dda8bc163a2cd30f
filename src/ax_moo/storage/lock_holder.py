"""The process that holds a sweep folder's lock, and what this host can tell of its life."""

import dataclasses
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ax_moo.storage import heartbeat

_BOOT_TIME_JITTER = 2.5


@dataclass(frozen=True)
class Holder:
    """The process that holds a folder's lock, or held it last; ``host`` is empty before the process has written it.

    ``time`` and ``ended`` are seconds since the epoch. ``since_boot`` is when the process started, in seconds after
    its host was booted: setting the clock does not change it.
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
            return "a process that has not written its name yet"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.time))
        return f"process {self.pid} on {self.host}, since {since}"

    @property
    def is_here(self) -> bool:
        return self.host == socket.gethostname()

    @property
    def is_seen(self) -> bool:
        """Whether this host can tell if the process runs: it is the process's host, and lets us look at it."""
        return self.is_here and not _is_hidden(self.pid)

    def is_same(self, other: "Holder | None") -> bool:
        """Whether both are the same process, holding the lock for the same time."""
        return other is not None and (self.host, self.pid, self.time) == (other.host, other.pid, other.time)

    def runs_here(self) -> bool:
        """Whether the process runs on this host, and its pid has not been given to another process."""
        if not self.is_here:
            return False
        started = _since_boot(self.pid)
        return started is not None and (self.since_boot is None or abs(started - self.since_boot) < _BOOT_TIME_JITTER)

    def lives(self, lock: Path) -> bool:
        """Whether the process runs; of one that this host does not see, the heartbeat of its lock file tells."""
        return self.runs_here() if self.is_seen else heartbeat.is_fresh(lock)


def this_process(about: Mapping[str, Any]) -> Holder:
    return Holder(socket.gethostname(), os.getpid(), time.time(), _since_boot(os.getpid()), about=dict(about))


def _is_hidden(pid: int) -> bool:
    try:
        psutil.Process(pid).create_time()
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return _is_there(pid)
    return False


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _since_boot(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time() - psutil.boot_time()
    except psutil.Error:
        return None
