"""Short pauses for a sweep and for locks, and a file system without locks.

A fixture of the first kind holds for all tests of a module that imports it.
"""

import errno
import fcntl
import os

import pytest

from ax_moo.storage import heartbeat, lock
from ax_moo.sweep import loop
from ax_moo.system import disk


@pytest.fixture(autouse=True)
def loop_without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.001)


@pytest.fixture(autouse=True)
def no_long_pauses(loop_without_pause: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "TRY_AGAIN_SECONDS", 0.05)


def make_locks_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(heartbeat, "WATCH_SECONDS", 1.0)
    monkeypatch.setattr(heartbeat, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(lock, "ACQUIRE_SECONDS", 0.1)
    monkeypatch.setattr(lock, "SETTLE_SECONDS", 0.1)


def take_locks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every file system one that knows no locks; a machine has none of that kind to mount."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
