"""The lock of a sweep folder: one sweeper at a time, and a record of which process holds or held the lock."""

import contextlib
import dataclasses
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ax_moo.storage import flock, heartbeat
from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.lock_claim import Claim
from ax_moo.storage.lock_holder import Holder, this_process
from ax_moo.storage.lock_record import LOCK_FILE, LockRecord, is_copied, read
from ax_moo.system import disk
from ax_moo.system.errors import ConfigError
from ax_moo.system.private_files import open_private
from ax_moo.system.text import quoted

log = logging.getLogger(__name__)

ACQUIRE_SECONDS = 1.0
"""How long to try: longer than a reader holds the lock to find out whether it is held."""

SETTLE_SECONDS = 2.0
_TRY_SECONDS = 0.05


@contextmanager
def held(folder: Path, about: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Hold the sweep folder's lock within the block. Its record names host, pid and time, and contains ``about``.

    What the block puts into the yielded mapping, such as how the sweep ended, is added to the record at the end of the
    block. The operating system releases the lock when the process ends, however it ends. Where the file system has no
    locks, or its locks do not work between hosts, a heartbeat tells a live holder from one that is gone.

    Raises:
        ConfigError: another process holds the lock, or the folder cannot be written to (CannotWrite).
    """
    path = folder / LOCK_FILE
    descriptor = disk.until_written(lambda: open_private(path, os.O_RDWR | os.O_CREAT), folder)
    try:
        is_locked = disk.until_written(lambda: _acquire(descriptor, path), path)
        before = read(path) if is_locked else _until_named(path)
        _check_gone(before, path)
        me, record = this_process(about or {}), LockRecord(descriptor)
        record.write(me)
        if not is_locked:
            _check_won(me, path)
        claim = Claim(path, descriptor, me, before)
        final_record: dict[str, Any] = {}
        try:
            with claim.noted(), heartbeat.beating(descriptor, lambda: claim.keep(record)):
                yield final_record
        finally:
            is_ours = True
            with contextlib.suppress(OSError):
                is_ours = claim.keep(record)
            if is_ours:
                record.write(dataclasses.replace(me, ended=time.time(), about={**me.about, **final_record}))
    finally:
        os.close(descriptor)


def holder(folder: Path) -> Holder | None:
    """The process that holds the folder's lock or held it last; None if there was none. The holder is not disturbed."""
    path = folder / LOCK_FILE
    is_locked = flock.is_locked(path)
    found = read(path)
    if is_locked:
        return _unknown(path) if found is None or _has_gone(found) else dataclasses.replace(found, is_alive=True)
    if found is None or found.ended is not None:
        return found
    return dataclasses.replace(found, is_alive=found.lives(path) and not is_copied(found, path))


def _acquire(descriptor: int, path: Path) -> bool:
    """Lock the open file; False if its file system has no locks."""
    until = time.monotonic() + ACQUIRE_SECONDS
    while (answer := flock.try_to_lock(descriptor)) is flock.Answer.TAKEN:
        if time.monotonic() > until:
            raise _refusal(path, holder(path.parent) or _unknown(path))
        time.sleep(_TRY_SECONDS)
    return answer is flock.Answer.LOCKED


def _until_named(path: Path) -> Holder | None:
    """The process that the file names. Without locks, a live sweeper whose file was removed names itself in a new one.

    It does so with its next heartbeat, which is waited for where the folder has a journal.
    """
    until = time.monotonic() + heartbeat.WATCH_SECONDS
    journal = path.with_name(JOURNAL_FILE)
    while (found := read(path)) is None and journal.exists() and time.monotonic() < until:
        time.sleep(_TRY_SECONDS)
    return found


def _check_gone(before: Holder | None, path: Path) -> None:
    """Refuse if the process that the lock file names still lives, although the lock was free."""
    if before is None or before.ended is not None or is_copied(before, path):
        return
    if before.runs_here():
        raise _refusal(path, before)
    if not before.is_seen and heartbeat.is_fresh(path):
        log.warning("The lock of %s names %s; watching whether that process still lives", path.parent, before)
        if heartbeat.moves(path):
            raise _refusal(path, before)
    log.warning("Taking over the lock of %s from a sweeper that is gone: %s", path.parent, before)


def _check_won(me: Holder, path: Path) -> None:
    """Without locks, the process that has written the file last holds it; refuse all others."""
    time.sleep(SETTLE_SECONDS)
    now = read(path)
    if now is not None and not now.is_same(me):
        raise _refusal(path, now)


def _refusal(path: Path, by: Holder) -> ConfigError:
    return ConfigError(
        f"hydra.sweep.dir: a sweep runs in {path.parent} already ({by}); follow it with: "
        f"ax-moo status {quoted(path.parent)}"
    )


def _has_gone(found: Holder) -> bool:
    return found.ended is not None or (found.is_seen and not found.runs_here())


def _unknown(path: Path) -> Holder:
    """A holder that has not written its name yet, or found no room on the disk for it."""
    since = time.time()
    with contextlib.suppress(OSError):
        since = path.stat().st_mtime
    return Holder("", 0, since, is_alive=True)
