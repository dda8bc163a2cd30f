"""Where a sweep is at home: a copy of its folder has the same id, and the sweep's jobs are not the copy's."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ax_moo.storage import journal
from ax_moo.storage.files import HOME
from ax_moo.storage.lock_record import LOCK_FILE, read
from ax_moo.system.disk import is_same_folder
from ax_moo.system.errors import ConfigError


def begun_in(folder: Path) -> Path:
    """Where the folder's sweep has begun, also if the folder was moved since; a copy beside its original begins anew.

    An earlier version has not recorded it.
    """
    home = (journal.header(folder) or {}).get(HOME)
    if not isinstance(home, str) or is_same_folder(Path(home), folder) or _sweep_in(Path(home)) == _sweep_in(folder):
        return folder
    return Path(home)


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
