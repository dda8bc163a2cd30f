"""Whether the folder of a launcher's jobs can be made, found out before anything is submitted and without making it."""

import os
from itertools import takewhile
from pathlib import Path

from ax_moo.system.disk import PASSING
from ax_moo.system.errors import ConfigError


def check_can_be_made(base: Path, sweep_folder: Path) -> None:
    """Raise a ConfigError if the jobs' base folder cannot be made; the sweep's own folder is checked by the sweep."""
    why = _why_not([base, *_above(base, sweep_folder.absolute())])
    if why:
        raise ConfigError(
            f"hydra.launcher.submitit_folder: {base} cannot be made: {why}; name a folder that you can write to, which "
            "all machines that run jobs see"
        )


def _above(base: Path, sweep_folder: Path) -> list[Path]:
    return list(takewhile(lambda folder: folder != sweep_folder, base.parents))


def _why_not(folders: list[Path]) -> str | None:
    """What is wrong with the first of the folders that exists, in whose place or in which the others would be made."""
    for folder in folders:
        try:
            folder.lstat()
            if not folder.is_dir():
                return f"{folder} is no folder"
            may = os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)
            return None if may else f"{folder} cannot be written to"
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return None if error.errno in PASSING else f"{folder}: {error.strerror}"
    return None
