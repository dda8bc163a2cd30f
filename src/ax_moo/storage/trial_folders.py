"""Finds the folders in which a sweep's trials have worked: a folder is a trial's if its own record says so."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ax_moo.jobs.ownership import RECORD_FILE, number_by_hydra, owner_of
from ax_moo.storage.earlier import is_earlier
from ax_moo.storage.files import OWN_FOLDERS


def trial_folders(sweep_folder: Path, sweep_id: str) -> Mapping[int, Sequence[Path]]:
    """Trial -> its folders, the latest last: with ``hydra.sweep.subdir=${hydra.job.id}`` each attempt has its own.

    A folder without a record, which an earlier version has left, is that of the trial that Hydra's files or its name
    give, unless the trial has a folder with a record.
    """
    owned: defaultdict[int, list[Path]] = defaultdict(list)
    guessed: dict[int, list[Path]] = {}
    for at, below, files in os.walk(sweep_folder):
        path = Path(at)
        if path == sweep_folder:
            below[:] = [name for name in below if name not in OWN_FOLDERS and not is_earlier(name)]
        elif RECORD_FILE in files:
            below.clear()
            if (trial := _recorded(path, sweep_id)) is not None:
                owned[trial].append(path)
        elif (trial := _guessed(path, sweep_folder, below, files)) is not None:
            below.clear()
            guessed[trial] = [path]
    return {**guessed, **{trial: sorted(paths, key=_recorded_at) for trial, paths in owned.items()}}


def _recorded(folder: Path, sweep_id: str) -> int | None:
    with suppress(OSError):
        owner = owner_of(folder)
        return owner.trial if owner is not None and owner.sweep == sweep_id else None
    return None


def _guessed(folder: Path, sweep_folder: Path, below: Sequence[str], files: Sequence[str]) -> int | None:
    if ".hydra" in below and (number := number_by_hydra(folder)) is not None:
        return number
    return int(folder.name) if files and folder.parent == sweep_folder and folder.name.isdecimal() else None


def _recorded_at(folder: Path) -> float:
    with suppress(OSError):
        return (folder / RECORD_FILE).stat().st_mtime
    return 0.0
