"""``ax-moo stop``: asks a sweep to start no more trials, or with ``--now`` to cancel its jobs and end at once."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ax_moo.cli.controller import queued_controller
from ax_moo.cli.folder import open_folder, open_own_folder, say_left_jobs
from ax_moo.jobs.launcher import JobHandle
from ax_moo.storage import lock, stop_request
from ax_moo.storage.folder import NotBegun, SweepFolder
from ax_moo.storage.journal import Journal
from ax_moo.storage.lock_holder import Holder
from ax_moo.storage.stop_request import StopRequest
from ax_moo.sweep.resuming.finding import end_ready_jobs, job_of
from ax_moo.sweep.steps.cancellation import cancel_and_wait
from ax_moo.system import disk
from ax_moo.system.errors import ConfigError
from ax_moo.system.terminal import say
from ax_moo.system.text import quoted
from ax_moo.trial import Trial, TrialStatus

POLL_SECONDS = 0.2


def stop(folder: Path, now: bool) -> None:
    """Ask the sweeper to end, and with ``now`` wait for its end. Without a sweeper, cancel the jobs that it left."""
    try:
        sweep = open_own_folder(folder)
    except NotBegun:
        if not _cancel_controller(folder.absolute()):
            raise
        return
    if sweep.holder is not None and sweep.is_swept:
        _ask(sweep, sweep.holder, StopRequest.NOW if now else StopRequest.FINISH)
        return
    _cancel_controller(sweep.path)
    if now:
        _cancel_jobs(sweep)
    else:
        say(f"no process runs the sweep in {sweep.path}")
        say_left_jobs(sweep)


def _ask(sweep: SweepFolder, holder: Holder, request: StopRequest) -> None:
    _write(sweep.path, request)
    if request is StopRequest.FINISH:
        when = f"when its {len(sweep.running)} running trials have" if sweep.running else "in a moment"
        say(f"asked {holder} to start no more trials; the sweep ends {when} (ax-moo status {quoted(sweep.path)})")
        return
    say(f"asked {holder} to cancel its jobs and to end; waiting for the end")
    while (current := lock.holder(sweep.path)) and current.is_alive and current.pid == holder.pid:
        if stop_request.asked(sweep.path) is None:
            _write(sweep.path, request)  # a sweep that was just beginning removes a request that it finds
        time.sleep(POLL_SECONDS)
    stop_request.clear(sweep.path)
    say("the sweep has ended")
    # A sweeper that was interrupted or killed meanwhile has not cancelled its jobs.
    _cancel_jobs(open_folder(sweep.path))


def _write(folder: Path, request: StopRequest) -> None:
    try:
        stop_request.ask(folder, request)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written to: {error.strerror}") from None


def _cancel_controller(folder: Path) -> bool:
    """Cancel a controller job that waits in Slurm's queue, because it would run the sweep; whether there was one."""
    from ax_moo_launchers.attach import attach

    controller = queued_controller(folder)
    if controller is None:
        return False
    attach(controller).cancel()
    say(f"Slurm job {controller.job_id}, which would have run the sweep, is cancelled")
    return True


def _cancel_jobs(sweep: SweepFolder) -> None:
    # The lock keeps the sweep's record, because a resume runs the command in it.
    about = sweep.holder.about if sweep.holder else {}
    with (
        lock.held(sweep.path, about),
        closing(disk.until_written(lambda: Journal(sweep.path), sweep.path)) as journal,
    ):

        def enter(trial: Trial) -> None:
            disk.until_written(lambda: journal.record(trial), journal.path)

        running = _attached(open_folder(sweep.path), enter)
        if running:
            say(f"cancelling {', '.join(handle.job.job_id for _, handle in running.values())}")
        cancel_and_wait(running, enter)
    end_ready_jobs(sweep.path, sweep.about, sweep.sweep_id)
    say_left_jobs(open_folder(sweep.path))


def _attached(sweep: SweepFolder, enter: Callable[[Trial], None]) -> dict[int, tuple[Trial, JobHandle]]:
    """The trials whose jobs may still run, also those whose job a killed sweeper submitted and did not record."""
    from ax_moo_launchers.attach import attacher

    attach = attacher()
    running = {}
    for trial in sweep.trials:
        job = None if trial.status.is_finished else job_of(trial, sweep)
        if job is not None and trial.status is TrialStatus.STAGED:
            trial = trial.to(TrialStatus.RUNNING, job=job)
            enter(trial)
        if job is not None and job.folder:
            running[trial.index] = trial, attach(job)
    return running
