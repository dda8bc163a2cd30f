"""The lock of a sweep folder: one sweeper at a time, and a record of which process holds or held the lock."""

import contextlib
import dataclasses
import errno
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ax_moo.storage import heartbeat
from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.lock_rules import is_right
from ax_moo.system import disk
from ax_moo.system.errors import ConfigError
from ax_moo.system.regular_files import read_regular

_BOOT_TIME_JITTER = 2.5


@dataclass(frozen=True)
class Owner:
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

    def is_same(self, other: "Owner | None") -> bool:
        """Whether both are the same process, holding the lock for the same time."""
        return other is not None and (self.host, self.pid, self.time) == (other.host, other.pid, other.time)

    def runs_here(self) -> bool:
        """Whether the process runs on this host, and its pid has not been given to another process."""
        if not self.is_here:
            return False
        started = _since_boot(self.pid)
        return started is not None and (self.since_boot is None or abs(started - self.since_boot) < _BOOT_TIME_JITTER)


def this_process(about: Mapping[str, Any]) -> Owner:
    return Owner(socket.gethostname(), os.getpid(), time.time(), _since_boot(os.getpid()), about=dict(about))


def read(path: Path) -> Owner | None:
    """The process that the lock file names; None if it names none, or is not what a sweeper has written."""
    try:
        row = json.loads(read_regular(path).partition(b"\n")[0])
    except (OSError, ValueError, RecursionError):
        return None
    if not is_right(row):
        return None
    more = {key: row[key] for key in ("since_boot", "ended", "about") if key in row}
    return Owner(row["host"], row["pid"], row["time"], **more)


class LockRecord:
    """The text of an open lock file. It is written in place, because a file that replaces it would not be locked."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unwritten: bytes | None = None

    def write(self, holder: Owner) -> None:
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


log = logging.getLogger(__name__)

LOCK_FILE = "lock"

ACQUIRE_SECONDS = 1.0
"""How long to try: longer than a reader holds the lock to find out whether it is held."""

SETTLE_SECONDS = 2.0
_TRY_SECONDS = 0.05
_WITHOUT_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


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
    descriptor = disk.until_written(lambda: os.open(path, os.O_RDWR | os.O_CREAT, 0o666), folder)
    try:
        is_locked = disk.until_written(lambda: _acquire(descriptor, path), path)
        before = read(path) if is_locked else _until_named(path)
        _check_gone(before, path)
        me, record = this_process(about or {}), LockRecord(descriptor)
        record.write(me)
        if not is_locked:
            _check_won(me, path)
        claim = _Claim(path, descriptor, me, before)
        final_record: dict[str, Any] = {}
        try:
            with claim.noted(), heartbeat.beating(descriptor, lambda: _keep(claim, record)):
                yield final_record
        finally:
            is_ours = True
            with contextlib.suppress(OSError):
                is_ours = _keep(claim, record)
            if is_ours:
                record.write(dataclasses.replace(me, ended=time.time(), about={**me.about, **final_record}))
    finally:
        os.close(descriptor)


def holder(folder: Path) -> Owner | None:
    """The process that holds the folder's lock or held it last; None if there was none. The holder is not disturbed."""
    path = folder / LOCK_FILE
    is_locked = _is_locked(path)
    found = read(path)
    if is_locked:
        return _unknown(path) if found is None or _has_gone(found) else dataclasses.replace(found, is_alive=True)
    if found is None or found.ended is not None:
        return found
    return dataclasses.replace(found, is_alive=found.runs_here() if found.is_seen else heartbeat.is_fresh(path))


def taken_over_by(folder: Path) -> Owner | None:
    """The process that has taken over the lock that this process holds; None if it holds the lock still, or never did.

    Without locks, or with locks that do not work between hosts, another sweeper takes over where the heart of this
    process has stood still: it was stopped, or its host was.
    """
    claim = _CLAIMS.get(folder.absolute())
    return claim.taken_by() if claim is not None else None


@dataclass(frozen=True)
class _Claim:
    """The lock file of a folder while ``me`` holds the lock; ``before`` is who was named there at the beginning."""

    path: Path
    descriptor: int
    me: Owner
    before: Owner | None

    def taken_by(self) -> Owner | None:
        """The process that the file names instead of this one; another file may name one that has long been gone."""
        now = read(self.path)
        if now is None or now.is_same(self.me) or now.is_same(self.before):
            return None
        return now if _is_in_place(self.path, self.descriptor) or _counts(now, self.path) else None

    @contextmanager
    def noted(self) -> Iterator[None]:
        folder = self.path.parent.absolute()
        _CLAIMS[folder] = self
        try:
            yield
        finally:
            _CLAIMS.pop(folder, None)


_CLAIMS: dict[Path, _Claim] = {}


def _acquire(descriptor: int, path: Path) -> bool:
    """Lock the open file; False if its file system has no locks."""
    until = time.monotonic() + ACQUIRE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno in _WITHOUT_LOCKS:
                return False
            if not _is_contention(error):
                raise
        if time.monotonic() > until:
            raise _refusal(path, holder(path.parent) or _unknown(path))
        time.sleep(_TRY_SECONDS)


def _until_named(path: Path) -> Owner | None:
    """The process that the file names. Without locks, a live sweeper whose file was removed names itself in a new one.

    It does so with its next heartbeat, which is waited for where the folder has a journal.
    """
    until = time.monotonic() + heartbeat.WATCH_SECONDS
    journal = path.with_name(JOURNAL_FILE)
    while (found := read(path)) is None and journal.exists() and time.monotonic() < until:
        time.sleep(_TRY_SECONDS)
    return found


def _check_gone(before: Owner | None, path: Path) -> None:
    """Refuse if the process that the lock file names still lives, although the lock was free."""
    if before is None or before.ended is not None:
        return
    if before.runs_here():
        raise _refusal(path, before)
    if not before.is_seen and heartbeat.is_fresh(path):
        log.warning("The lock of %s names %s; watching whether that process still lives", path.parent, before)
        if heartbeat.moves(path):
            raise _refusal(path, before)
    log.warning("Taking over the lock of %s from a sweeper that is gone: %s", path.parent, before)


def _check_won(me: Owner, path: Path) -> None:
    """Without locks, the process that has written the file last holds it; refuse all others."""
    time.sleep(SETTLE_SECONDS)
    now = read(path)
    if now is not None and not now.is_same(me):
        raise _refusal(path, now)


def _keep(claim: _Claim, record: LockRecord) -> bool:
    """Create the lock file again if somebody has removed it: another sweeper must not find the folder free.

    Returns False where the lock is another's now. It is left alone then, also by the heartbeat.
    """
    path, descriptor = claim.path, claim.descriptor
    if claim.taken_by() is not None:
        _say_replaced(path)
        return False
    record.write_again()
    if _is_in_place(path, descriptor):
        return True
    anew = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if _is_taken(anew, path, claim.me):
            _say_replaced(path)
            return False
        # The new file takes over the descriptor's number, which the heartbeat and the record use.
        os.dup2(anew, descriptor, inheritable=False)
    finally:
        os.close(anew)
    record.write(claim.me)
    log.warning("%s was removed while the sweep runs; it was created again", path)
    return True


def _say_replaced(path: Path) -> None:
    log.error("%s was replaced while the sweep runs, and names %s", path, read(path) or "another process")


def _is_in_place(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        return False


def _is_taken(descriptor: int, path: Path, me: Owner) -> bool:
    """Try to lock the open file. Return whether it is another sweep's, which holds it or has left its record there."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            return _is_contention(error)
    found = read(path)
    return found is not None and not found.is_same(me) and _counts(found, path)


def _counts(found: Owner, path: Path) -> bool:
    """Whether the process lives, or has ended as a sweeper does; one that was killed leaves its name behind."""
    if found.ended is not None:
        return True
    return found.runs_here() if found.is_seen else heartbeat.is_fresh(path)


def _refusal(path: Path, by: Owner) -> ConfigError:
    return ConfigError(
        f"hydra.sweep.dir: a sweep runs in {path.parent} already ({by}); follow it with: ax-moo status {path.parent}"
    )


def _is_locked(path: Path) -> bool:
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


def _has_gone(found: Owner) -> bool:
    return found.ended is not None or (found.is_seen and not found.runs_here())


def _unknown(path: Path) -> Owner:
    """A holder that has not written its name yet, or found no room on the disk for it."""
    since = time.time()
    with contextlib.suppress(OSError):
        since = path.stat().st_mtime
    return Owner("", 0, since, is_alive=True)
