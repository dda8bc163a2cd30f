"""The files of an attempt's job, in the submitit folder of its own.

What submitit names itself begins with the job's id: ``<id>_submitted.pkl``, ``<id>_<task>_result.pkl`` and the logs.
"""

import contextlib
import json
import re
import shlex
from pathlib import Path
from typing import Any

from ax_moo.system.disk import replace_file
from ax_moo.trial import Job

LOCAL, SLURM = "local", "slurm"
"""Whose id a job's id is."""

_UNPUBLISHED = re.compile(r"[0-9a-f]{32}\.pkl")
"""A pickle of ours before it has its final name; the folder may be a training's own, with pickles of its own."""

TASK = "ax_moo_launchers.job.task"
"""The module that is a job's program."""


def task_command(python: str, folder: Path) -> str:
    # -P: the working directory stays where PYTHONPATH has it, behind the script's own folder.
    return f"{python} -P -u -m {TASK} {shlex.quote(str(folder))}"


def submitted_file(folder: Path, job_id: str) -> Path:
    return folder / f"{job_id}_submitted.pkl"


def result_file(folder: Path, job_id: str, task: int = 0) -> Path:
    return folder / f"{job_id}_{task}_result.pkl"


def note_file(folder: Path, job_id: str) -> Path:
    """Why a job ended without a result, in the job's own words."""
    return folder / f"{job_id}_note.txt"


def process_file(folder: Path, job_id: str) -> Path:
    """Where a local job's process is: host, pid and what tells it from a later process of that pid."""
    return folder / f"{job_id}_process.json"


def exit_file(folder: Path, job_id: str) -> Path:
    """How a local job's tasks ended."""
    return folder / f"{job_id}_exit.json"


def tasks_file(folder: Path, job_id: str) -> Path:
    """How many tasks a Slurm job has, where it has several."""
    return folder / f"{job_id}_tasks.json"


def submitted_job(folder: Path) -> Job | None:
    """The latest job that was submitted from an attempt's folder."""
    # Twice, for a file that is renamed while a folder is listed may be seen under neither of its names.
    pickle = _latest_pickle(folder) or _latest_pickle(folder)
    if pickle is None:
        return None
    job_id = pickle.name.partition("_submitted.pkl")[0]
    return Job(job_id, str(folder), LOCAL if process_file(folder, job_id).exists() else SLURM)


def _latest_pickle(folder: Path) -> Path | None:
    """Submitit removes the pickle of a job that it requeues before it moves the new one to its place."""
    while listed := list(folder.glob("*_submitted.pkl*")):
        found = {}
        for path in listed:
            with contextlib.suppress(FileNotFoundError):
                found[path] = path.stat().st_mtime
        if found:
            return max(found, key=lambda path: found[path])
    return None


def remove_unpublished(folder: Path) -> None:
    """Remove the pickles of an attempt whose submission was not brought to its end."""
    for path in folder.glob("*.pkl*"):
        if _UNPUBLISHED.match(path.name):
            path.unlink(missing_ok=True)


def leave_note(folder: Path, job_id: str, text: str) -> None:
    """Say why the job ends without a result, where there is room to say it."""
    with contextlib.suppress(OSError):
        replace_file(note_file(folder, job_id), text)


def read_json(path: Path) -> dict[str, Any] | None:
    """What a file of ours says, None where there is none; a file that cannot be read now raises OSError."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None
