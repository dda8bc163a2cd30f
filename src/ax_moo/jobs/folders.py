"""The folders with the files of a sweep's jobs: one base folder, with a folder for each attempt at each trial.

The launcher's ``submitit_folder`` names the base. It may change when a sweep is resumed, so that a sweep can have
several bases. A base outside of the sweep folder may be that of other sweeps too: each sweep has a folder of its own in
it, whose name is the sweep's id.
"""

import os
import re
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from ax_moo.jobs.launcher import JobRequest

KEY = "job_folders"
"""The key in the journal's header and in the lock, present if a sweep has other bases than the default."""

DEFAULT = ".submitit"
_TAG = re.compile("%[jtAa](?![A-Za-z])")
"""What Submitit replaces by a job's ids: ``%j``, but not the beginning of ``10%training``."""


def base_of(submitit_folder: str, sweep_folder: Path) -> Path:
    """The part of a launcher's ``submitit_folder`` that is the same for all jobs.

    The sweep folder's own path is taken as it is: a ``%`` in a sweep's name is no tag.
    """
    path = Path(submitit_folder).expanduser().absolute()
    own = sweep_folder.parts if path.is_relative_to(sweep_folder) else ()
    below = path.parts[len(own) :]
    if ".." in below:
        return base_of(os.path.normpath(path), sweep_folder)
    return Path(*own, *takewhile(lambda part: not _TAG.search(part), below))


def of_sweep(base: Path, sweep_folder: Path, sweep: str) -> Path:
    """The folder of one sweep in a base; without an id, as under another sweeper, the base itself."""
    return base if base.is_relative_to(sweep_folder) else base / sweep


def attempt_folder(base: Path, trial: int, attempt: int) -> Path:
    """The folder of one attempt. Attempts do not share a folder, so that a job is never taken for another attempt's."""
    first = base / str(trial)
    return first if attempt == 1 else first / f"attempt-{attempt}"


def bases(sweep_folder: Path, about: Mapping[str, Any]) -> list[Path]:
    """The sweep's bases, the latest first; ``about`` is what its journal and lock say about it."""
    # A base inside of the sweep folder is written relative to it, and one outside as a whole path: no ".." is ours.
    names = [name for name in about.get(KEY, [DEFAULT]) if ".." not in Path(name).parts]
    return [sweep_folder / name for name in reversed(names)]


def attempt_folders(sweep_folder: Path, about: Mapping[str, Any], request: JobRequest) -> Iterator[Path]:
    """The folders in which the job of this request may have its files."""
    for base in bases(sweep_folder, about):
        # Earlier versions put the jobs of all sweeps into the base itself.
        for each in dict.fromkeys((of_sweep(base, sweep_folder, request.sweep), base)):
            yield attempt_folder(each, request.trial, request.attempt)


def noted(sweep_folder: Path, about: Mapping[str, Any], submitit_folder: str | None) -> dict[str, list[str]]:
    """The entry for the journal and the lock: the bases in ``about``, and the base of this ``submitit_folder``.

    The path of a base in the sweep folder is relative to the sweep folder, so that it stays valid when that is moved.
    """
    names = list(about.get(KEY, [DEFAULT] if about else []))
    if submitit_folder is not None:
        base = base_of(submitit_folder, sweep_folder)
        name = str(base.relative_to(sweep_folder) if base.is_relative_to(sweep_folder) else base)
        names = [*(each for each in names if each != name), name]
    return {} if names in ([], [DEFAULT]) else {KEY: names}
