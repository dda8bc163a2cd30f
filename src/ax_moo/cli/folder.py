"""Opens a sweep folder for the commands, and lists the jobs that still belong to its sweep."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ax_moo.cli.controller import queued_controller
from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo.results.status import SweepState, state_of
from ax_moo.storage import folder
from ax_moo.storage.folder import NoSweep, NotBegun, SweepFolder
from ax_moo.storage.journal import PULLED
from ax_moo.sweep.resuming.copies import living_original
from ax_moo.sweep.resuming.finding import job_of
from ax_moo.system.errors import ConfigError
from ax_moo.system.terminal import say
from ax_moo.system.text import quoted
from ax_moo.trial import Job, Trial

log = logging.getLogger(__name__)


def open_folder(path: Path) -> SweepFolder:
    """Read the folder's lock and journal; ``copy_of`` is None for a copy whose original has neither sweeper nor jobs.

    Raises:
        NotBegun: the sweep has not begun, and may wait in Slurm's queue.
        ConfigError: the folder holds no sweep, or none that can be read.
    """
    try:
        sweep = folder.open_folder(path)
        return dataclasses.replace(sweep, copy_of=living_original(sweep))
    except NotBegun:
        raise
    except NoSweep:
        controller = queued_controller(path.absolute()) if path.is_dir() else None
        if controller is None:
            raise
        raise NotBegun(
            f"the sweep in {path.absolute()} begins as soon as Slurm job {controller.job_id} runs; try again then"
        ) from None


def open_own_folder(path: Path) -> SweepFolder:
    """Open a folder for a command that acts on the sweep's jobs, which no copy has, also none pulled from W&B.

    Raises:
        NotBegun: the sweep has not begun, and may wait in Slurm's queue.
        ConfigError: the folder holds no sweep, none that can be read, or a copy.
    """
    sweep = open_folder(path)
    if PULLED in sweep.header:
        raise ConfigError(f"{sweep.path} is a copy of a sweep in W&B; name the folder where that sweep runs")
    if sweep.copy_of is not None:
        raise ConfigError(
            f"{sweep.path} is a copy of the sweep in {sweep.copy_of}, whose jobs still run; name that folder, or wait"
            " for their end"
        )
    return sweep


def states_of(jobs: Mapping[int, Job]) -> Mapping[int, JobState]:
    """The states of the jobs by trial number, without the jobs whose state cannot be read."""
    from ax_moo_launchers.attach import attacher

    attach = attacher()
    states = {index: _state_of(attach, job) for index, job in jobs.items()}
    return {index: state for index, state in states.items() if state is not None}


def _state_of(attach: Callable[[Job], JobHandle], job: Job) -> JobState | None:
    try:
        return attach(job).state()
    except OSError as error:
        log.warning("the state of job %s cannot be read: %s", job.job_id, error)
        return None


def left_jobs(sweep: SweepFolder) -> Mapping[int, Job]:
    """The jobs of unfinished trials by trial number, also those whose id a killed sweeper did not record.

    The mapping is empty while a sweeper runs the sweep, and for a copy: the jobs are its original's.
    """
    if sweep.is_swept or sweep.copy_of is not None:
        return {}
    jobs = {trial.index: _job_of(trial, sweep) for trial in sweep.trials if not trial.status.is_finished}
    return {index: job for index, job in jobs.items() if job is not None}


def _job_of(trial: Trial, sweep: SweepFolder) -> Job | None:
    """The job, as far as the journal knows it where its own files are another user's."""
    try:
        return job_of(trial, sweep)
    except PermissionError as error:
        log.debug("the files of trial %d's job cannot be read: %s", trial.index, error)
        return trial.job


def say_left_jobs(sweep: SweepFolder) -> None:
    """Print which jobs still run and how to end them, and which results a resume collects."""
    jobs = left_jobs(sweep)
    states = states_of(jobs)
    going = [jobs[index] for index, state in states.items() if state in (JobState.PENDING, JobState.RUNNING)]
    done = [jobs[index] for index, state in states.items() if state is JobState.FINISHED]
    if going:
        say(f"jobs that keep running: {_ids(going)}; end them with: {_how_to_end(sweep, going)}")
    if done:
        say(f"jobs that have finished, and whose results a resume collects: {_ids(done)}")
    if not states:
        say("no job is left")
    if state_of(sweep) is SweepState.FINISHED:
        say("the sweep has finished; its command with a larger hydra.sweeper.n_trials goes on with it")
    else:
        say(f"go on with the sweep: ax-moo resume {quoted(sweep.path)}")


def _how_to_end(sweep: SweepFolder, jobs: Sequence[Job]) -> str:
    from ax_moo_launchers.attach import cancel_command

    return f"ax-moo stop --now {quoted(sweep.path)}, or {cancel_command(jobs)}"


def _ids(jobs: Sequence[Job]) -> str:
    return ", ".join(job.job_id for job in jobs)
