"""The journal, sweep.jsonl: the sweep's state on disk, from which everything else can be rebuilt.

The first line is the header with the problem. Every other line is a new state of one trial; a trial's last line is its
current state. A line is written and synced to the disk before the sweep acts on it. A process that is killed may leave
an incomplete last line, which readers ignore and the next writer cuts off. One process writes; any number may read.
"""

import contextlib
import errno
import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ax_moo.storage import lock_claim
from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.journal import file as journal_file
from ax_moo.storage.journal.folders import relative
from ax_moo.storage.journal.format import FORMAT, to_line
from ax_moo.storage.lock_holder import Holder
from ax_moo.system.disk import CannotWrite, replace_file, sync_folder
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial

log = logging.getLogger(__name__)


class JournalReplaced(CannotWrite):
    """Another file is in the journal's place; the sweep does not touch it."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is another file than the one that this sweep has written", "name another folder")


class JournalTaken(CannotWrite):
    """Another sweeper goes on with the sweep; the journal is that sweeper's."""

    def __init__(self, path: Path, by: Holder | None) -> None:
        what = f"the sweep in {path.parent} was taken over by {by}" if by else f"another process writes {path}"
        super().__init__(what, "leave the sweep to that process, or end it first")


class Journal:
    """Opens or creates the journal of a sweep folder for writing.

    The whole content is also kept in memory. If somebody removes or truncates the file, it is written again byte for
    byte, because a resume depends on the order of the lines.

    Where the file system has no locks, another sweeper may have taken over while this process was stopped. So this
    class looks before each line whether the file is as it has left it, and whether the folder's lock is still its own,
    and never cuts what it has not written itself.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL_FILE
        self._check_lock()
        self._unfinished = b""
        self._file = journal_file.open_locked(self.path)
        try:
            content = journal_file.read_all(self._file)
            self._content = bytearray(content[: content.rfind(b"\n") + 1])
            if len(content) > len(self._content):
                os.ftruncate(self._file.fileno(), len(self._content))
            self._touched = os.fstat(self._file.fileno()).st_mtime_ns
            sync_folder(folder)
        except BaseException:
            self._file.close()  # so that its lock is free for the next attempt
            raise

    def begin(self, problem: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Write the header: the problem, and what a reader may want to know about the sweep (seed, command, ...)."""
        self._append({"format": FORMAT, "problem": problem, **about})

    def record(self, trial: Trial) -> None:
        """Write a trial's new state; when this returns, the state is on the disk."""
        self._append(to_line(relative(trial, self.path.parent)))

    def keep(self) -> None:
        """Restore the file if it was removed or truncated.

        Raises:
            JournalReplaced: another file is in its place.
            JournalTaken: another sweeper goes on with the sweep.
            OSError: the file cannot be examined, or cannot be restored.
        """
        self._check_lock()
        if not self._is_in_place():
            self._restore()

    def remove(self) -> None:
        """Remove the file if possible, and if it is this sweep's; after that the folder holds no sweep."""
        with contextlib.suppress(OSError, JournalTaken):
            self._check_lock()
            if self._is_in_place():
                self.path.unlink()

    def save_beside(self) -> Path | None:
        """If the file was removed or replaced, write the content to another file and return its path.

        Raises:
            OSError: neither the sweep folder nor the system's folder for temporary files can be written to.
        """
        with contextlib.suppress(OSError):
            try:
                if self._is_in_place():
                    return None
            except JournalTaken:
                return None  # the other sweeper has added its lines to ours
        saved = self.path.with_name(f"{self.path.name}.saved-{os.getpid()}")
        try:
            replace_file(saved, bytes(self._content), is_private=True)
        except OSError:
            saved = Path(tempfile.gettempdir(), saved.name)
            replace_file(saved, bytes(self._content), is_private=True)
        return saved

    def close(self) -> None:
        self._file.close()

    def _append(self, row: Mapping[str, Any]) -> None:
        """When this raises OSError, the file is unchanged: a full disk must not leave half a line."""
        self.keep()
        data = json.dumps(row).encode() + b"\n"
        try:
            self._cut_unfinished()
            self._unfinished = data
            journal_file.write_all(self._file, data)
            os.fsync(self._file.fileno())
        except OSError:
            with contextlib.suppress(OSError):  # where this fails, the next _append cuts the half line off
                self._cut_unfinished()
            raise
        if not self._ends_with(data):
            self._cut_unfinished()
            raise JournalTaken(self.path, lock_claim.taken_over_by(self.path.parent))
        self._content += data
        self._unfinished = b""
        self._touched = os.fstat(self._file.fileno()).st_mtime_ns
        self.keep()

    def _check_lock(self) -> None:
        if (by := lock_claim.taken_over_by(self.path.parent)) is not None:
            raise JournalTaken(self.path, by)

    def _is_in_place(self) -> bool:
        try:
            there, own = os.stat(self.path), os.fstat(self._file.fileno())
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            return False
        if not os.path.samestat(there, own) or there.st_size < len(self._content):
            return False
        if own.st_mtime_ns != self._touched:  # another process wrote to the file: compare the content
            if not journal_file.read_all(self._file).startswith(self._content):
                return False
            self._touched = own.st_mtime_ns
        if own.st_size > len(self._content) and not self._unfinished.startswith(self._rest()):
            raise JournalTaken(self.path, lock_claim.taken_over_by(self.path.parent))
        return True

    def _restore(self) -> None:
        """Complete the file at the path, or a new one, from memory; its content must be a beginning of ours."""
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_UN)  # the path may lead to the same file through another mount
        try:
            file = journal_file.open_locked(self.path)
        except ConfigError:
            raise JournalReplaced(self.path) from None
        found = journal_file.read_all(file)
        if not self._content.startswith(found):
            file.close()
            raise JournalReplaced(self.path)
        self._file.close()
        self._file = file
        journal_file.write_all(file, bytes(self._content[len(found) :]))
        os.fsync(file.fileno())
        sync_folder(self.path.parent)
        self._touched = os.fstat(file.fileno()).st_mtime_ns
        if len(found) < len(self._content):
            log.warning("%s was removed or truncated while the sweep runs; it was written again from memory", self.path)

    def _rest(self) -> bytes:
        """What the file holds after the lines of this sweep."""
        self._file.seek(len(self._content))
        return self._file.read()

    def _ends_with(self, data: bytes) -> bool:
        return self._rest() == data

    def _cut_unfinished(self) -> None:
        """Cut off what a failed append has written, unless something of another writer follows it."""
        rest = self._rest()
        if rest and self._unfinished.startswith(rest):
            os.ftruncate(self._file.fileno(), len(self._content))
