"""``resume: fresh``: what an earlier sweep has left in the folder is moved aside, and a new one begins."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.jobs import folders as job_folders
from ax_moo.jobs.launcher import JobHandle
from ax_moo.session.leftovers import of_a_sweep
from ax_moo.storage import earlier, journal, lock
from ax_moo.storage.home import original_of
from ax_moo.sweep.resuming.copies import ENDED_WITHIN_SECONDS, may_run
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import quoted
from ax_moo.trial import Job

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_KEY = "hydra.sweeper.resume"


def check_no_job_runs(
    folder: Path, attach: Callable[[Job], JobHandle], cancel_command: Callable[[Sequence[Job]], str]
) -> None:
    """Refuse while a job of the earlier sweep may run: it would go on in a folder that was moved away.

    Raises:
        ConfigError: a job may run; the message names it.
    """
    holder = lock.holder(folder)
    if holder is not None and holder.is_alive:
        return  # its lock says what is wrong
    if original_of(folder) is not None:
        return  # the jobs run where they belong to
    left = {job: attach(job) for job in _unfinished_jobs(folder)}
    until = time.monotonic() + ENDED_WITHIN_SECONDS
    while left := {job: handle for job, handle in left.items() if may_run(handle)}:
        if time.monotonic() > until:
            ids = ", ".join(job.job_id for job in left)
            ways = [f"ax-moo stop --now {quoted(folder)}", cancel_command(list(left))]
            raise ConfigError(
                f"{_KEY}: fresh needs jobs that have ended, and these of the earlier sweep in {folder} may still run:"
                f" {ids}; end them with {', or '.join(filter(None, ways))}"
            )
        time.sleep(_POLL_SECONDS)


def move_aside(folder: Path, first_folders: Sequence[Path], keep: Collection[Path] = ()) -> None:
    """Move everything that a sweep has made, except for ``keep``; the caller holds the folder's lock.

    Raises:
        ConfigError: a part of it cannot be moved.
    """
    bases = job_folders.bases(folder, _about(folder))
    _end_ready_jobs(folder)
    try:
        found = [path for path in of_a_sweep(folder, first_folders, bases) if path not in keep]
        outside = [path for path in found if not path.is_relative_to(folder)]
        if outside:
            raise ConfigError(
                f"{_KEY}: fresh moves what is in the sweep's folder, and {outside[0]} is not; move it away yourself,"
                " or give the trials other folders with hydra.sweep.subdir"
            )
        if found or earlier.unfinished(folder):
            log.info("The earlier sweep in %s was moved to %s", folder, earlier.move_aside(folder, found))
    except OSError as error:
        raise ConfigError(
            f"{_KEY}: the earlier sweep in {folder} cannot be moved aside: {error.strerror} ({error.filename}); name"
            " another folder (hydra.sweep.dir=...)"
        ) from None


def _unfinished_jobs(folder: Path) -> Iterator[Job]:
    """The jobs that may run: those of unfinished trials, and those with files here that the journal does not know."""
    from ax_moo_launchers.attach import jobs_without_result

    known: set[str] = set()
    with contextlib.suppress(ConfigError):  # a damaged journal is moved as well
        for trial in journal.trials(folder):
            known |= {attempt.job.job_id for attempt in trial.previous_attempts}
            if trial.job is not None:
                known.add(trial.job.job_id)
                if trial.job.folder and not trial.status.is_finished:
                    yield dataclasses.replace(trial.job, folder=str(folder / trial.job.folder))
    for base in _own_bases(folder):
        yield from (job for job in jobs_without_result(base) if job.job_id not in known)


def _end_ready_jobs(folder: Path) -> None:
    """Cancel the Slurm jobs that wait for trials of the earlier sweep: they would take those of the new one."""
    from ax_moo_launchers.attach import end_carriers

    for base in _own_bases(folder):
        end_carriers(base, at_once=True)


def _own_bases(folder: Path) -> Iterator[Path]:
    """The folders that hold the files of this sweep's jobs and of no other's."""
    about = _about(folder)
    for base in job_folders.bases(folder, about):
        if base.is_relative_to(folder):
            yield base
        elif journal.ID in about:
            yield job_folders.of_sweep(base, folder, journal.id_of(about))


def _about(folder: Path) -> Mapping[str, Any]:
    """What the journal and the lock say about the earlier sweep, as far as they can be read."""
    holder = lock.holder(folder)
    about = dict(holder.about) if holder else {}
    with contextlib.suppress(ConfigError):
        return {**(journal.header(folder) or {}), **about}
    return about
