"""The sweep's only truth on disk: sweep.jsonl.

The first line is the problem; every other line is one trial in one new state, and the last line about a trial wins.
A line is written whole, flushed and fsynced before anybody acts on it. What a killed process left of a last line is
cut off when the file is opened for writing and ignored when it is read. One process writes; any number may read.
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

from ax_moo.storage import journal_file
from ax_moo.storage.journal_format import FORMAT, JOURNAL_FILE, PULLED, from_line, to_line
from ax_moo.storage.journal_reader import events, header, last_states, trials
from ax_moo.storage.journal_tail import JournalTail
from ax_moo.system.disk import CannotWrite, replace_file, sync_folder
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial

log = logging.getLogger(__name__)

__all__ = [
    "FORMAT",
    "JOURNAL_FILE",
    "PULLED",
    "Journal",
    "JournalReplaced",
    "JournalTail",
    "events",
    "from_line",
    "header",
    "last_states",
    "to_line",
    "trials",
]


class JournalReplaced(CannotWrite):
    """Another file has taken the journal's place; it is left alone."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is another file than the one that this sweep has written", "name another folder")


class Journal:
    """Opens or creates the journal of a sweep folder for writing.

    All that is in it is kept in memory, too. A file that is removed or cut off meanwhile is written anew, byte for
    byte: the order of the lines is what a resume goes by.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL_FILE
        self._file = journal_file.open_locked(self.path)
        try:
            content = journal_file.read_all(self._file)
            self._content = bytearray(content[: content.rfind(b"\n") + 1])
            self._cut()
            self._touched = os.fstat(self._file.fileno()).st_mtime_ns
            sync_folder(folder)
        except BaseException:
            self._file.close()  # or its lock is in the way of the next try
            raise

    def begin(self, problem: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Write the first line: the problem, and what a reader may want to know of the sweep (seed, command, ...)."""
        self._append({"format": FORMAT, "problem": problem, **about})

    def record(self, trial: Trial) -> None:
        """Note a trial's new state; when this returns, the state is on the disk."""
        self._append(to_line(trial))

    def keep(self) -> None:
        """See to it that the file is where it belongs, with all that was written.

        Raises:
            JournalReplaced: another file is there.
            OSError: it cannot be looked at, or not be written anew.
        """
        if not self._is_in_place():
            self._restore()

    def remove(self) -> None:
        """Take the file away, after which the folder holds no sweep, as far as that can be done."""
        with contextlib.suppress(OSError):
            if self._is_in_place():
                self.path.unlink()

    def save_beside(self) -> Path | None:
        """Write the content under another name, and return that, if the file is not where it belongs.

        Raises:
            OSError: neither the sweep's folder nor the system's for temporary files takes it.
        """
        with contextlib.suppress(OSError):
            if self._is_in_place():
                return None
        saved = self.path.with_name(f"{self.path.name}.saved-{os.getpid()}")
        try:
            replace_file(saved, bytes(self._content))
        except OSError:
            saved = Path(tempfile.gettempdir(), saved.name)
            replace_file(saved, bytes(self._content))
        return saved

    def close(self) -> None:
        self._file.close()

    def _append(self, row: Mapping[str, Any]) -> None:
        """OSError leaves the file as it was: a full disk must not leave half a line, nor a line that is in doubt."""
        self.keep()
        data = json.dumps(row).encode() + b"\n"
        try:
            self._cut()
            journal_file.write_all(self._file, data)
            os.fsync(self._file.fileno())
        except OSError:
            with contextlib.suppress(OSError):  # else it is cut before the next line is written
                self._cut()
            raise
        self._content += data
        self._touched = os.fstat(self._file.fileno()).st_mtime_ns
        self.keep()

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
        if own.st_mtime_ns != self._touched:  # by somebody else: are the lines still the same?
            if not journal_file.read_all(self._file).startswith(self._content):
                return False
            self._touched = own.st_mtime_ns
        return True

    def _restore(self) -> None:
        """Go on in the file that is there, or in a new one, if it is a beginning of what was written."""
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_UN)  # it may be the same file, seen through another mount
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
            log.warning("%s was removed or cut off while the sweep runs: written anew from memory", self.path)

    def _cut(self) -> None:
        """Cut off what is behind the last whole line."""
        if os.fstat(self._file.fileno()).st_size > len(self._content):
            os.ftruncate(self._file.fileno(), len(self._content))
