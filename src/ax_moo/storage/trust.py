"""Whether a sweep folder is one's own. Its command is run by whoever resumes it, and its job ids say what is ended."""

from pathlib import Path

from ax_moo.jobs import folders
from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.lock_record import LOCK_FILE
from ax_moo.system.errors import ConfigError
from ax_moo.system.strangers import (
    first_complaint,
    is_trusted,
    why_anothers,
    why_replaceable,
    why_written_by_others,
)
from ax_moo.system.text import quoted


def check_trusted(folder: Path, command: str) -> None:
    """Check that nobody else can have written what ``ax-moo resume`` and ``ax-moo stop --now`` act on.

    Raises:
        ConfigError: somebody can.
    """
    why = _why_not_own(folder)
    if why is not None:
        raise ConfigError(
            f"{folder} may not be your own sweep: {why}. The command that is recorded there would run with your rights,"
            f" and jobs end that it names; if you trust whoever wrote it: {command} {quoted(folder)} --trust"
        )


def check_own(folder: Path) -> None:
    """Check that the sweep in a folder, if there is one, is this user's.

    Raises:
        ConfigError: it is another user's.
    """
    if is_trusted(folder) or not any((folder / name).exists() for name in (JOURNAL_FILE, LOCK_FILE, folders.DEFAULT)):
        return
    why = first_complaint(map(why_anothers, _parts(folder)))
    if why is not None:
        raise ConfigError(
            f"hydra.sweep.dir: {folder} holds the sweep of another user ({why}), whose results and jobs are not yours;"
            f" name another folder, or go on with it if you trust it: ax-moo resume {quoted(folder)} --trust"
        )


def is_own(folder: Path) -> bool:
    """Whether :func:`check_trusted` has nothing to say."""
    return _why_not_own(folder) is None


def _why_not_own(folder: Path) -> str | None:
    if is_trusted(folder):
        return None
    return first_complaint([*map(why_written_by_others, _parts(folder)), why_replaceable(folder)])


def _parts(folder: Path) -> list[Path]:
    return [folder, *(folder / name for name in (LOCK_FILE, JOURNAL_FILE, folders.DEFAULT))]
