"""Reading a sweep folder from outside: what `ax-moo status` and other commands know about a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.storage import journal, lock
from ax_moo.storage.home import original_of
from ax_moo.storage.journal import check as journal_check
from ax_moo.storage.lock_holder import Holder
from ax_moo.storage.lock_record import LOCK_FILE
from ax_moo.system.errors import ConfigError
from ax_moo.system.regular_files import open_regular
from ax_moo.trial import Trial, TrialStatus


class NoSweep(ConfigError):
    """The folder holds no sweep."""


class NotBegun(NoSweep):
    """A sweeper has locked the folder, but has not written the journal's first line yet."""


@dataclass(frozen=True)
class SweepFolder:
    """What a folder's journal and lock said at one moment; ``copy_of`` is its original if it is a copy of another."""

    path: Path
    header: Mapping[str, Any]
    problem: Problem
    trials: Sequence[Trial]
    holder: Holder | None
    copy_of: Path | None = None

    @property
    def is_swept(self) -> bool:
        """Whether a sweeper runs the sweep now."""
        return self.holder is not None and self.holder.is_alive

    @property
    def about(self) -> Mapping[str, Any]:
        """The command, the settings and so on with which the sweep was last started."""
        return {**self.header, **(self.holder.about if self.holder else {})}

    @property
    def sweep_id(self) -> str:
        return journal.id_of(self.header)

    @property
    def running(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.status is TrialStatus.RUNNING]


def open_folder(path: Path) -> SweepFolder:
    """Read the folder's lock and journal.

    Raises:
        NotBegun: a sweep is about to begin in the folder.
        NoSweep: the folder holds no sweep.
        ConfigError: the folder's sweep cannot be read.
    """
    path = path.absolute()
    try:
        check_lock(path)
        # The lock is read before the journal: a sweep that ends in between has then written its whole journal.
        holder = lock.holder(path)
        header = _header(path, holder)
        file = path / journal.JOURNAL_FILE
        problem = journal_check.described_problem(header, file)
        trials = journal_check.checked_states(header, problem, journal.events(path), file)
        by_number = sorted(trials, key=lambda trial: trial.index)
        return SweepFolder(path, header, problem, by_number, holder, original_of(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None


def check_lock(path: Path) -> None:
    """Raise a ConfigError where the lock cannot be read: nobody would know whether the sweep runs."""
    lock_file = path / LOCK_FILE
    try:
        open_regular(lock_file).close()
    except PermissionError as error:
        raise ConfigError(f"{lock_file} cannot be read: {error.strerror}; make it readable") from None
    except OSError:
        return


def _header(path: Path, holder: Holder | None) -> Mapping[str, Any]:
    file = path / journal.JOURNAL_FILE
    if not path.is_dir():
        raise NoSweep(f"{path} is not a folder; name a sweep folder, which is one that holds {file.name}")
    header = journal.header(path)
    if header is not None:
        return header
    if holder is not None and holder.is_alive:
        raise NotBegun(f"the sweep in {path} is about to begin ({holder}); try again in a moment")
    what = f"{file.name} is empty" if file.exists() else f"it has no {file.name}"
    raise NoSweep(f"{path} holds no sweep: {what}; name a sweep folder (hydra.sweep.dir of the sweep's command)")
