"""Whose a job's output folder is: a record in it, which the job writes before the task function runs.

A path is no proof: two trials, or two sweeps, can be given the same folder, and an application that goes on from a
checkpoint would then return the other trial's result.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from ax_moo.jobs.hydra_files import keep_hydra_files_private
from ax_moo.jobs.records import without_plus
from ax_moo.system.disk import create_file, replace_file

RECORD_FILE = ".ax_moo.json"

_JOB_NUMBER = re.compile(r"^    num: (\d+)$", re.MULTILINE)
"""The line as Hydra writes it; parsing a thousand of these files as YAML would take half a minute."""


@dataclass(frozen=True)
class Owner:
    """The trial that has the folder; ``sweep`` is the id of its sweep."""

    sweep: str
    trial: int


class ForeignFolder(RuntimeError):
    """The folder of a job is that of another trial."""


def owner_of(folder: Path) -> Owner | None:
    """The trial whose folder this is; None where no trial has said so, or its record was lost in a power failure.

    Raises:
        OSError: the record cannot be read now.
    """
    found = _record_of(folder)
    return None if found is None else found[0]


def number_by_hydra(folder: Path) -> int | None:
    """The job's number in the config that Hydra has left in its folder; the config of a single run has none."""
    try:
        written = (folder / ".hydra/hydra.yaml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = _JOB_NUMBER.search(written)
    return int(found[1]) if found else None


def claim(folder: Path, owner: Owner, overrides: Sequence[str]) -> None:
    """Record that the folder is this trial's. A further attempt, or another task of the job, finds that it is.

    ``overrides`` are the trial's parameterization, which no further attempt changes. A folder without a record is
    claimed whatever it holds: an earlier version left it, or an attempt that died early.

    Raises:
        ForeignFolder: it is another trial's.
    """
    record = json.dumps({"sweep": owner.sweep, "trial": owner.trial, "overrides": list(overrides)})
    path = folder / RECORD_FILE
    if owner_of(folder) is None and not create_file(path, record, is_private=True) and owner_of(folder) is None:
        replace_file(path, record, is_private=True)
    found = _record_of(folder)
    if found is None:
        return
    if found[0] != owner:
        raise ForeignFolder(_refusal(folder, found[0], owner))
    if set(without_plus(found[1])) != set(without_plus(overrides)):
        raise ForeignFolder(
            f"{folder} is the folder of trial {owner.trial} with {' '.join(found[1])}, and this job has"
            f" {' '.join(overrides)}: the sweep's journal has lost lines; move the folder away"
        )


class OwnedTask:
    """A task function that runs only in a folder of its own trial's. It can be pickled if the task function can."""

    def __init__(self, task_function: Callable[[Any], Any], sweep: str, common: int = 0) -> None:
        self.task_function = task_function
        self.sweep = sweep
        self.common = common

    def __call__(self, config: Any) -> Any:
        keep_hydra_files_private()
        hydra = HydraConfig.get()
        if not OmegaConf.is_missing(hydra.job, "num"):  # of a launcher that gives its jobs no numbers
            own_overrides = list(hydra.overrides.task)[self.common :]
            claim(Path(hydra.runtime.output_dir), Owner(self.sweep, hydra.job.num), own_overrides)
        return self.task_function(config)


def owned(task_function: Callable[[Any], Any], sweep: str, common: int = 0) -> Callable[[Any], Any]:
    """The task function for a job of this sweep; unchanged for a job of another sweeper, which has no sweep's id.

    ``sweep`` and ``common`` are those of the job's request.
    """
    return OwnedTask(task_function, sweep, common) if sweep else task_function


def _record_of(folder: Path) -> tuple[Owner, list[str]] | None:
    try:
        found = json.loads((folder / RECORD_FILE).read_bytes())
        return Owner(str(found["sweep"]), int(found["trial"])), list(map(str, found["overrides"]))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
        return None


def _refusal(folder: Path, found: Owner, owner: Owner) -> str:
    if found.sweep == owner.sweep:
        return (
            f"{folder} is the folder of trial {found.trial}, and trial {owner.trial} must have one of its own;"
            " set hydra.sweep.subdir='${hydra.job.num}', which is the default"
        )
    return (
        f"{folder} is the folder of trial {found.trial} of another sweep ({found.sweep}), and trial {owner.trial} of"
        f" this one ({owner.sweep}) must have one of its own; name another hydra.sweep.dir, and keep"
        " hydra.sweep.subdir inside of it"
    )
