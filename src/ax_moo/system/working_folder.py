"""The working directory of this process, which somebody may remove meanwhile."""

import os
from contextlib import suppress
from pathlib import Path

from ax_moo.system.errors import ConfigError

GONE = "the working directory was removed"
REMEDY = "change to another one (cd), or name files by their whole path"


def is_gone() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    except OSError:  # a folder above it may not be readable
        return False
    return False


def check() -> None:
    """Raise a ConfigError if the working directory is gone: a relative path leads nowhere."""
    if is_gone():
        raise ConfigError(f"{GONE}; {REMEDY}")


def leave_if_gone(folder: Path) -> None:
    """Make ``folder`` the working directory in place of one that is gone, where MKL, for one, ends the process."""
    if is_gone():
        with suppress(OSError):
            os.chdir(folder)


class WorkingFolder:
    """The working directory as it is now, in which jobs are to begin."""

    def __init__(self) -> None:
        self._path = None if is_gone() else os.getcwd()

    def why_gone(self) -> str | None:
        """Why jobs cannot begin in it. One that has been made again becomes the working directory again."""
        if not is_gone():
            return None
        with suppress(OSError):
            if self._path is not None:
                os.chdir(self._path)
                return None
        where = f"the working directory {self._path}" if self._path else "the working directory"
        return f"{where} was removed, and jobs begin in it; make it again"
