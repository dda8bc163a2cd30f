"""A lock while this process holds it: its file is kept in its place, until another process takes the lock over."""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ax_moo.storage import flock
from ax_moo.storage.lock_holder import Holder
from ax_moo.storage.lock_record import LockRecord, read
from ax_moo.system.private_files import open_private

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """The lock file of a folder while ``me`` holds the lock; ``before`` is who was named there at the beginning."""

    path: Path
    descriptor: int
    me: Holder
    before: Holder | None

    def taken_by(self) -> Holder | None:
        """The process that the file names instead of this one; another file may name one that has long been gone."""
        now = read(self.path)
        if now is None or now.is_same(self.me) or now.is_same(self.before):
            return None
        return now if _is_in_place(self.path, self.descriptor) or _counts(now, self.path) else None

    def keep(self, record: LockRecord) -> bool:
        """Create the lock file again if somebody has removed it: another sweeper must not find the folder free.

        Returns False where the lock is another's now. It is left alone then, also by the heartbeat.
        """
        if self.taken_by() is not None:
            _say_replaced(self.path)
            return False
        record.write_again()
        return _is_in_place(self.path, self.descriptor) or self._create_again(record)

    def _create_again(self, record: LockRecord) -> bool:
        anew = open_private(self.path, os.O_RDWR | os.O_CREAT)
        try:
            if _is_taken(anew, self.path, self.me):
                _say_replaced(self.path)
                return False
            # The new file takes over the descriptor's number, which the heartbeat and the record use.
            os.dup2(anew, self.descriptor, inheritable=False)
        finally:
            os.close(anew)
        record.write(self.me)
        log.warning("%s was removed while the sweep runs; it was created again", self.path)
        return True

    @contextmanager
    def noted(self) -> Iterator[None]:
        folder = self.path.parent.absolute()
        _CLAIMS[folder] = self
        try:
            yield
        finally:
            _CLAIMS.pop(folder, None)


_CLAIMS: dict[Path, Claim] = {}


def taken_over_by(folder: Path) -> Holder | None:
    """The process that has taken over the lock that this process holds; None if it holds the lock still, or never did.

    Without locks, or with locks that do not work between hosts, another sweeper takes over where the heart of this
    process has stood still: it was stopped, or its host was.
    """
    claim = _CLAIMS.get(folder.absolute())
    return claim.taken_by() if claim is not None else None


def _is_taken(descriptor: int, path: Path, me: Holder) -> bool:
    """Try to lock the open file. Return whether it is another sweep's, which holds it or has left its record there."""
    try:
        answer = flock.try_to_lock(descriptor)
    except OSError:
        return False
    if answer is flock.Answer.TAKEN:
        return True
    found = read(path)
    return found is not None and not found.is_same(me) and _counts(found, path)


def _counts(found: Holder, path: Path) -> bool:
    """Whether the process lives, or has ended as a sweeper does; one that was killed leaves its name behind."""
    return found.ended is not None or found.lives(path)


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
