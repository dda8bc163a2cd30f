"""The folders with the files of a sweep's jobs: one base folder, with a folder for each attempt at each trial.

The launcher's ``submitit_folder`` names the base. It may change when a sweep is resumed, so that a sweep can have
several bases.
"""

from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

KEY = "job_folders"
"""The key in the journal's header and in the lock, present if a sweep has other bases than the default."""

DEFAULT = ".submitit"
_TAGS = ("%j", "%t", "%A", "%a")


def base_of(submitit_folder: str) -> Path:
    """The part of a launcher's ``submitit_folder`` that is the same for all jobs."""
    parts = Path(submitit_folder).expanduser().absolute().parts
    return Path(*takewhile(lambda part: not any(tag in part for tag in _TAGS), parts))


def attempt_folder(base: Path, trial: int, attempt: int) -> Path:
    """The folder of one attempt. Attempts do not share a folder, so that a job is never taken for another attempt's."""
    first = base / str(trial)
    return first if attempt == 1 else first / f"attempt-{attempt}"


def bases(sweep_folder: Path, about: Mapping[str, Any]) -> list[Path]:
    """The sweep's bases, the latest first; ``about`` is what its journal and lock say about it."""
    return [sweep_folder / name for name in reversed(about.get(KEY, [DEFAULT]))]


def attempt_folders(sweep_folder: Path, about: Mapping[str, Any], trial: int, attempt: int) -> Iterator[Path]:
    """The folders in which the job of this attempt may have its files."""
    return (attempt_folder(base, trial, attempt) for base in bases(sweep_folder, about))


def noted(sweep_folder: Path, about: Mapping[str, Any], submitit_folder: str | None) -> dict[str, list[str]]:
    """The entry for the journal and the lock: the bases in ``about``, and the base of this ``submitit_folder``.

    The path of a base in the sweep folder is relative to the sweep folder, so that it stays valid when that is moved.
    """
    names = list(about.get(KEY, [DEFAULT] if about else []))
    if submitit_folder is not None:
        base = base_of(submitit_folder)
        name = str(base.relative_to(sweep_folder) if base.is_relative_to(sweep_folder) else base)
        names = [*(each for each in names if each != name), name]
    return {} if names in ([], [DEFAULT]) else {KEY: names}
