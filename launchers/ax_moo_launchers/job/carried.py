"""A trial whose process is one of several that a Slurm job starts, one after the other."""

import os
from pathlib import Path

from ax_moo_launchers import submitit_internals
from ax_moo_launchers.files import again_file

CARRIED, MODULES = "AX_MOO_CARRIED", "AX_MOO_MODULES"
"""The variables with the id of such a trial's job, and with the file for the list of what it imports."""


class _Own:
    modules_file: str | None = None


def modules_file() -> str | None:
    """The file in which this trial keeps the list of what it has imported, for the next ones of its Slurm job."""
    return _Own.modules_file


def take_own_id() -> None:
    """Let this process be the trial's job, and not the Slurm job that has started it.

    Submitit would requeue the Slurm job before a preemption or a time limit. Here the trial goes on in another one.
    """
    job_id = os.environ.pop(CARRIED, None)  # what the trial starts is not the trial
    _Own.modules_file = os.environ.pop(MODULES, None)
    if job_id is not None:
        submitit_internals.be_job(job_id, lambda: again_file(Path(os.environ["SUBMITIT_FOLDER"]), job_id).touch())
