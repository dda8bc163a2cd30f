"""Where a sweep is at home: a copy of its folder has the same id, and the sweep's jobs are not the copy's."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ax_moo.storage import journal
from ax_moo.storage.files import HOME
from ax_moo.storage.lock_record import LOCK_FILE, read
from ax_moo.system.disk import is_same_folder
from ax_moo.system.errors import ConfigError


def original_of(folder: Path) -> Path | None:
    """The sweep folder of which this one is a copy; None where it is none, or its original is gone.

    A folder that was moved is no copy: nothing of its sweep is left where it was.
    """
    sweep = _sweep_in(folder)
    for home in _homes(folder) if sweep is not None else ():
        if is_same_folder(home, folder):
            return None
        if _sweep_in(home) == sweep:
            return home
    return None


def check_is_no_copy(folder: Path) -> None:
    """Check that a sweep may go on in the folder.

    Raises:
        ConfigError: it is a copy: the jobs would be taken for its own, and two sweeps would have one id.
    """
    if (original := original_of(folder)) is not None:
        raise ConfigError(
            f"hydra.sweep.dir: {folder} is a copy of the sweep in {original}, to which its jobs belong; go on there, or"
            " name another folder (hydra.sweep.dir=...), or move the copy aside with hydra.sweeper.resume=fresh, or, if"
            f" the copy is to take its place, remove {original} first"
        )


def _homes(folder: Path) -> Iterator[Path]:
    """Where the sweep was by its lock, which a resume writes, and by its journal, which has the place of its begin."""
    holder = read(folder / LOCK_FILE)
    for about in (holder.about if holder else {}, journal.header(folder) or {}):
        if isinstance(about.get(HOME), str):
            yield Path(about[HOME])


def _sweep_in(folder: Path) -> str | None:
    with suppress(OSError, ConfigError):
        header = journal.header(folder)
        return None if header is None or journal.PULLED in header else journal.id_of(header)
    return None
