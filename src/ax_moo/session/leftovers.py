"""Finds what an earlier sweep, or another sweeper, has left in a folder in which a new sweep is to begin.

An application that finds a checkpoint in its job folder goes on from it. So a sweep begins only where no folder that a
trial can have holds anything.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ax_moo.html_report.writing import ANALYSES_FILE
from ax_moo.jobs import folders as job_folders
from ax_moo.jobs.ownership import RECORD_FILE, number_by_hydra
from ax_moo.session.own_files import OWN_FILES
from ax_moo.storage.earlier import is_earlier, unfinished
from ax_moo.storage.files import OWN_FOLDERS
from ax_moo.storage.journal import JOURNAL_FILE
from ax_moo.storage.lock_record import LOCK_FILE
from ax_moo.system.errors import ConfigError

_KEY = "hydra.sweep.dir"
_MOST_SHOWN = 3


def check_unused(folder: Path, first_folders: Sequence[Path]) -> None:
    """Refuse a folder without a journal in which a trial may find what is not its own.

    ``first_folders`` are those that the first trials would have.

    Raises:
        ConfigError: an earlier sweep, or another sweeper, has left something there.
    """
    aside = unfinished(folder)
    if aside is not None:
        raise ConfigError(
            f"{_KEY}: an earlier sweep in {folder} was being moved to {aside.name} when that process ended; finish this"
            f" with hydra.sweeper.resume=fresh, or name another folder ({_KEY}=...)"
        )
    with _readable():
        found = [*_possible_folders(folder, first_folders), *_folders_of_jobs(folder)]
    if found:
        raise ConfigError(
            f"{_KEY}: {folder} has no {JOURNAL_FILE}, but something of an earlier sweep, from which trials could go on"
            f" ({_shown(folder, found)}); name another folder ({_KEY}=...), or move all of it aside with"
            " hydra.sweeper.resume=fresh"
        )


def check_none_ahead(folder: Path, first_folders: Sequence[Path], next_trial: int) -> None:
    """Refuse a sweep that goes on if a trial which the journal does not know has a folder that holds something.

    The journal has lost the lines of that trial, or the folder is another's. The next trial with this number would go
    on from it.

    Raises:
        ConfigError: there is such a folder.
    """
    with _readable():
        ahead = [path for path in first_folders[next_trial:] if _holds_something(path)]
        if folder / "0" in first_folders:
            ahead += [path for path in _numbered(folder) if int(path.name) >= next_trial and path not in ahead]
    if ahead:
        raise ConfigError(
            f"{_KEY}: {folder} holds job folders of trials that its {JOURNAL_FILE} does not know, from which trials"
            f" could go on ({_shown(folder, ahead)}); move them away, or put a copy of the whole journal in its place"
        )


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{_KEY}: {error.filename} cannot be read: {error.strerror}; name another folder ({_KEY}=...)"
        ) from None


def _numbered(folder: Path) -> list[Path]:
    return [path for path in _below(folder, 1) if path.name.isdecimal() and _holds_something(path)]


def _possible_folders(folder: Path, first_folders: Sequence[Path]) -> list[Path]:
    """The folders that a trial can have and that hold something, in the sweep's folder and outside of it.

    Where the trial's number alone is its folder, job folders with other names are no trial's.
    """
    if folder / "0" not in first_folders:
        return _job_folders(folder, first_folders)
    return sorted({*_numbered(folder), *(path for path in first_folders if _holds_something(path))})


def _job_folders(folder: Path, first_folders: Sequence[Path]) -> list[Path]:
    """The folders that hold something and that a trial can have, or that some job has had."""
    found = {path for path in first_folders if _holds_something(path)}
    depths = {len(path.relative_to(folder).parts) for path in first_folders if path.is_relative_to(folder)}
    for depth in depths | {1}:
        found |= {path for path in _below(folder, depth) if _is_of_a_job(path)}
    return sorted(found)


def of_a_sweep(folder: Path, first_folders: Sequence[Path], bases: Sequence[Path]) -> list[Path]:
    """Everything that a sweep has made, its journal first; the user's own files in the folder are not among it.

    ``bases`` are the folders with the files of its jobs.
    """
    journals = [folder / JOURNAL_FILE, *folder.glob(f"{JOURNAL_FILE}.*")]
    names = [name for name in (*OWN_FILES, *OWN_FOLDERS, ANALYSES_FILE) if name not in (JOURNAL_FILE, LOCK_FILE)]
    own_bases = [path for path in bases if path.is_relative_to(folder) and path != folder]
    trials = {*_possible_folders(folder, first_folders), *_job_folders(folder, first_folders)}
    others = [*sorted(trials), *(folder / name for name in names), *own_bases]
    return [path for path in dict.fromkeys([*journals, *others]) if os.path.lexists(path)]


def _folders_of_jobs(folder: Path) -> list[Path]:
    """The folders with the files of jobs that were submitted; a refused submission leaves none."""
    base = folder / job_folders.DEFAULT
    return sorted(path for path in _below(base, 1) if path.name.isdecimal() and any(path.glob("**/*_submitted.pkl*")))


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """The folders at this depth, without those of the sweep's own and of earlier sweeps."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted(folder.iterdir()):
            if path.is_dir() and path.name not in OWN_FOLDERS and not is_earlier(path.name):
                yield from [path] if depth == 1 else _below(path, depth - 1)


def _is_of_a_job(path: Path) -> bool:
    return (path / RECORD_FILE).exists() or number_by_hydra(path) is not None


def _holds_something(path: Path) -> bool:
    return path.is_dir() and next(path.iterdir(), None) is not None


def _shown(folder: Path, found: Sequence[Path]) -> str:
    names = [str(path.relative_to(folder) if path.is_relative_to(folder) else path) for path in found]
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return f"{', '.join(names[:_MOST_SHOWN])}{more}"
