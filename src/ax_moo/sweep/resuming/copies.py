"""Copies of a sweep folder: they have the id of their original, whose jobs they must neither end nor take up."""

import time
from pathlib import Path

from ax_moo.jobs.launcher import JobHandle
from ax_moo.storage import lock
from ax_moo.storage.folder import SweepFolder, open_folder
from ax_moo.storage.home import original_of
from ax_moo.sweep.resuming.finding import job_of
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import quoted

ENDED_WITHIN_SECONDS = 15.0
"""How long a job without a result may seem to run: its handle waits some seconds for a result that comes late."""

_POLL_SECONDS = 0.2


def living_original(sweep: SweepFolder, within_s: float = 0.0) -> Path | None:
    """The sweep folder of which this one is a copy, if its sweeper is at work or one of its jobs may still run.

    A job may take up to ``within_s`` seconds to show that it has ended. Any other copy is a folder like any other.
    """
    if sweep.copy_of is None:
        return None
    holder = lock.holder(sweep.copy_of)
    is_swept = holder is not None and holder.is_alive
    return sweep.copy_of if is_swept or _has_live_job(sweep, within_s) else None


def check_has_no_living_original(folder: Path) -> None:
    """Check that a sweep may go on in the folder.

    Raises:
        ConfigError: it is a copy whose jobs run for its original; or its journal cannot be read.
    """
    if original_of(folder) is None:
        return
    original = living_original(open_folder(folder), ENDED_WITHIN_SECONDS)
    if original is not None:
        raise ConfigError(
            f"hydra.sweep.dir: {folder} is a copy of the sweep in {original}, whose jobs still run; go on there, or"
            f" wait for their end (ax-moo stop --now {quoted(original)} ends them), or name another folder"
            " (hydra.sweep.dir=...), or move the copy aside with hydra.sweeper.resume=fresh"
        )


def may_run(handle: JobHandle) -> bool:
    """Whether the job has not ended, as far as its files and its scheduler can be asked."""
    try:
        return not handle.state().has_ended
    except OSError:
        return True


def _has_live_job(sweep: SweepFolder, within_s: float) -> bool:
    from ax_moo_launchers.attach import attacher

    attach, until = attacher(), time.monotonic() + within_s
    jobs = [job_of(trial, sweep) for trial in sweep.trials if not trial.status.is_finished]
    handles = [attach(job) for job in jobs if job is not None]
    while handles := [handle for handle in handles if may_run(handle)]:
        if time.monotonic() >= until:
            return True
        time.sleep(_POLL_SECONDS)
    return False
