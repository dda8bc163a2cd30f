"""The sweep's only truth on disk: sweep.jsonl.

The first line is the problem; every other line is one trial in one new state, and the last line about a trial wins.
A line is written whole, flushed and fsynced before anybody acts on it. What a killed process left of a last line is
cut off when the file is opened for writing and ignored when it is read. One process writes; any number may read.
"""

import contextlib
import dataclasses
import errno
import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ax_moo.system.disk import CannotWrite, replace_file, sync_folder
from ax_moo.system.errors import ConfigError
from ax_moo.system.records import from_record
from ax_moo.trial import Attempt, Job, Outcome, Trial, TrialStatus

log = logging.getLogger(__name__)

JOURNAL_FILE = "sweep.jsonl"
FORMAT = 1
PULLED = "pulled"
"""The key of a first line that says of which W&B run the folder is a copy."""


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
        self._file = _opened(self.path)
        try:
            content = _read(self._file)
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
            _write_all(self._file, data)
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
            if not _read(self._file).startswith(self._content):
                return False
            self._touched = own.st_mtime_ns
        return True

    def _restore(self) -> None:
        """Go on in the file that is there, or in a new one, if it is a beginning of what was written."""
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_UN)  # it may be the same file, seen through another mount
        try:
            file = _opened(self.path)
        except ConfigError:
            raise JournalReplaced(self.path) from None
        found = _read(file)
        if not self._content.startswith(found):
            file.close()
            raise JournalReplaced(self.path)
        self._file.close()
        self._file = file
        _write_all(file, bytes(self._content[len(found) :]))
        os.fsync(file.fileno())
        sync_folder(self.path.parent)
        self._touched = os.fstat(file.fileno()).st_mtime_ns
        if len(found) < len(self._content):
            log.warning("%s was removed or cut off while the sweep runs: written anew from memory", self.path)

    def _cut(self) -> None:
        """Cut off what is behind the last whole line."""
        if os.fstat(self._file.fileno()).st_size > len(self._content):
            os.ftruncate(self._file.fileno(), len(self._content))


def header(folder: Path) -> dict[str, Any] | None:
    """The first line of a folder's journal, None where there is no journal or only a torn first line.

    Raises:
        ConfigError: it is of a kind that this version does not know.
    """
    path = folder / JOURNAL_FILE
    first = next(_rows(path), None)
    if first is not None and (not isinstance(first, dict) or first.get("format") != FORMAT):
        raise ConfigError(f"{path} is not a journal of this version of ax_moo; use the version that wrote it")
    return first


def events(folder: Path) -> Iterator[Trial]:
    """Every state that every trial of the folder's sweep has been in, in the order of their writing."""
    path = folder / JOURNAL_FILE
    rows = _rows(path)
    next(rows, None)
    for number, row in enumerate(rows, start=2):
        try:
            yield from_line(row)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{path}: line {number} is not a trial ({error!r}); put the file back as it was"
            ) from None


def trials(folder: Path) -> list[Trial]:
    """Each trial in its last state, in the order of their numbers."""
    return sorted(last_states(folder), key=lambda trial: trial.index)


def last_states(folder: Path) -> list[Trial]:
    """Each trial in its last state, in the order in which they came into these states."""
    last: dict[int, Trial] = {}
    for trial in events(folder):
        last.pop(trial.index, None)
        last[trial.index] = trial
    return list(last.values())


def to_line(trial: Trial) -> dict[str, Any]:
    """The JSON form of a trial; fields without a value are left out."""
    row = {"trial": trial.index, "status": str(trial.status), "attempt": trial.attempt}
    fields = {f.name: getattr(trial, f.name) for f in dataclasses.fields(trial)}
    del fields["index"], fields["status"], fields["previous_attempts"]
    row |= {name: value for name, value in fields.items() if value is not None and value != ()}
    if trial.job is not None:
        row["job"] = _job_row(trial.job)
    if trial.previous_attempts:  # under the name that they had in the first version
        row["earlier"] = [{**dataclasses.asdict(each), "job": _job_row(each.job)} for each in trial.previous_attempts]
    return row


def from_line(row: Mapping[str, Any]) -> Trial:
    """The trial that :func:`to_line` wrote; fields of a later version are ignored."""
    fields: dict[str, Any] = {"index": row["trial"], "status": TrialStatus(row["status"])}
    if "job" in row:
        fields["job"] = from_record(Job, row["job"])
    if "earlier" in row:
        fields["previous_attempts"] = tuple(
            from_record(Attempt, each, job=from_record(Job, each["job"])) for each in row["earlier"]
        )
    if "outcome" in row:
        fields["outcome"] = _outcome(row["outcome"])
    return from_record(Trial, row, **fields)


def _job_row(job: Job) -> dict[str, str]:
    return {name: value for name, value in dataclasses.asdict(job).items() if value or name != "scheduler"}


def _outcome(row: Mapping[str, Any]) -> Outcome:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed by the with below
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        why = "it is a directory" if isinstance(error, IsADirectoryError) else error.strerror
        raise ConfigError(f"{path} cannot be read: {why}; make it readable, or name another folder") from None
    with file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError as error:
                raise ConfigError(
                    f"{path}: line {number} is not what the sweep wrote ({error}); put the file back as it was, or mend"
                    " that line"
                ) from None


def _opened(path: Path) -> IO[bytes]:
    """The file for appending, made if need be, and locked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by close()
    try:
        _lock(file, path)
    except BaseException:
        file.close()
        raise
    return file


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _lock(file: IO[bytes], path: Path) -> None:
    """The folder's lock keeps a second sweeper away; this keeps it away also where somebody has removed the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            f"hydra.sweep.dir: another process writes {path}, although it does not hold the lock"
        ) from None
    except OSError:
        return  # a file system without locks


def _write_all(file: IO[bytes], data: bytes) -> None:
    while data:
        data = data[file.write(data) :]


class JournalTail:
    """Gives out each whole line once, with its number; the first one is 1.

    All of them come once more where the file was cut behind what was given out, which a full disk may do.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL_FILE
        self._begin_again()

    def new_lines(self) -> Iterator[tuple[int, str]]:
        try:
            file = open(self._path, "rb")  # noqa: SIM115 - closed by the with below
        except OSError:
            return  # not there yet, or not to be read at this moment
        with file:
            if self._offset and not _ends_a_line(file, self._offset):
                self._begin_again()
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                self._number += 1
                yield self._number, line[:-1].decode(errors="replace")

    def _begin_again(self) -> None:
        self._offset = 0
        self._number = 0


def _ends_a_line(file: IO[bytes], offset: int) -> bool:
    file.seek(offset - 1)
    return file.read(1) == b"\n"
