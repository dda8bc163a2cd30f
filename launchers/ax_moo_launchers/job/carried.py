"""A trial whose process is one of several that a Slurm job starts, one after the other."""

import os
import time
from pathlib import Path

from ax_moo.system.signals import be_killed_after_parent
from ax_moo_launchers import submitit_internals
from ax_moo_launchers.files import again_file

CARRIED, CARRIER_PID, MODULES = "AX_MOO_CARRIED", "AX_MOO_CARRIER_PID", "AX_MOO_MODULES"
"""The variables with the id of such a trial's job, the pid of what has started it, and the file for its imports."""

_ADOPTED_S = 10.0


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
    carrier = os.environ.pop(CARRIER_PID, None)
    _Own.modules_file = os.environ.pop(MODULES, None)
    if carrier is not None:
        _end_with(int(carrier))
    if job_id is not None:
        submitit_internals.be_job(job_id, lambda: again_file(Path(os.environ["SUBMITIT_FOLDER"]), job_id).touch())


def _end_with(carrier: int) -> None:
    """Let the system kill this process when its carrier dies: without cgroups Slurm would not find it any more."""
    until = time.monotonic() + _ADOPTED_S
    while os.getppid() != carrier and time.monotonic() < until:
        time.sleep(0.001)  # a fork's parent is another one at first, whose end is no reason
    be_killed_after_parent()
    if os.getppid() != carrier:
        raise SystemExit(f"the Slurm job's process {carrier}, which has started this trial, has ended")
