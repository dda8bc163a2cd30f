"""Where a sweep's jobs have their files: one folder for all of them, which the launcher's config names.

It may have been another one in an earlier life of the sweep, so that there can be several.
"""

from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

KEY = "job_folders"
"""Of the journal's first line and of the lock, where a sweep has others than the default."""

DEFAULT = ".submitit"
_TAGS = ("%j", "%t", "%A", "%a")


def base_of(submitit_folder: str) -> Path:
    """The folder that a launcher's ``submitit_folder`` names, as far as it is the same for all jobs."""
    parts = Path(submitit_folder).expanduser().absolute().parts
    return Path(*takewhile(lambda part: not any(tag in part for tag in _TAGS), parts))


def attempt_folder(base: Path, trial: int, attempt: int) -> Path:
    """A folder for each attempt, so that no job is ever taken for one of another attempt."""
    first = base / str(trial)
    return first if attempt == 1 else first / f"attempt-{attempt}"


def bases(sweep_folder: Path, about: Mapping[str, Any]) -> list[Path]:
    """Every folder that jobs of the sweep have their files in, by what its journal and lock say of it; latest first."""
    return [sweep_folder / name for name in reversed(about.get(KEY, [DEFAULT]))]


def attempt_folders(sweep_folder: Path, about: Mapping[str, Any], trial: int, attempt: int) -> Iterator[Path]:
    """Where the job of this attempt may be."""
    return (attempt_folder(base, trial, attempt) for base in bases(sweep_folder, about))


def noted(sweep_folder: Path, about: Mapping[str, Any], submitit_folder: str | None) -> dict[str, list[str]]:
    """What is to be said of a sweep that was as ``about`` says, and whose launcher has this setting, if it has one.

    Below the sweep's folder a name is relative to it, and stays true when the folder is moved.
    """
    names = list(about.get(KEY, [DEFAULT] if about else []))
    if submitit_folder is not None:
        base = base_of(submitit_folder)
        name = str(base.relative_to(sweep_folder) if base.is_relative_to(sweep_folder) else base)
        names = [*(each for each in names if each != name), name]
    return {} if names in ([], [DEFAULT]) else {KEY: names}
