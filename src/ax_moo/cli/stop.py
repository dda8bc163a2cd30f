"""``ax-moo stop``: asks a sweep to start no more trials, or with ``--now`` to cancel its jobs and end at once."""

import contextlib
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ax_moo.cli.controller import queued_controller
from ax_moo.cli.folder import open_folder, open_own_folder, say_left_jobs
from ax_moo.jobs.launcher import JobHandle
from ax_moo.storage import lock, stop_request
from ax_moo.storage.folder import NoSweep, NotBegun, SweepFolder
from ax_moo.storage.journal import Journal
from ax_moo.storage.lock_holder import Holder
from ax_moo.storage.stop_request import StopRequest
from ax_moo.storage.trust import check_trusted, is_own
from ax_moo.sweep.resuming.finding import end_ready_jobs, job_of
from ax_moo.sweep.steps.cancellation import cancel_and_wait
from ax_moo.system import disk, strangers
from ax_moo.system.errors import ConfigError
from ax_moo.system.terminal import say
from ax_moo.system.text import quoted
from ax_moo.trial import Trial, TrialStatus

POLL_SECONDS = 0.2
_UNNAMED = 0
"""The pid of a process that has the lock, and has not written its name yet."""


def stop(folder: Path, now: bool, is_trusted: bool = False) -> None:
    """Ask the sweeper to end, and with ``now`` wait for its end. Without a sweeper, cancel the jobs that it left.

    Without ``now`` only a file is written, so that the sweep may be another user's.
    """
    if is_trusted:
        strangers.trust(folder)
    if now:
        check_trusted(folder, "ax-moo stop --now")
    request = StopRequest.NOW if now else StopRequest.FINISH
    try:
        sweep = open_own_folder(folder)
    except NotBegun:
        path = folder.absolute()
        if _cancel_controller(path):
            return
        holder = lock.holder(path)
        if holder is None or not holder.is_alive:
            raise
        _ask(path, holder, request, n_running=0)
        return
    if sweep.holder is not None and sweep.is_swept:
        _ask(sweep.path, sweep.holder, request, len(sweep.running))
        return
    _cancel_controller(sweep.path)
    if now:
        _cancel_jobs(sweep)
    else:
        say(f"no process runs the sweep in {sweep.path}")
        say_left_jobs(sweep)


def _ask(folder: Path, holder: Holder, request: StopRequest, n_running: int) -> None:
    asked = _reached(folder, holder, request)
    if asked is None and request is StopRequest.FINISH:
        _clear(folder)
        say(f"the sweep in {folder} has just ended")
        return
    holder = asked or holder
    if request is StopRequest.FINISH:
        when = f"when its {n_running} running trials have" if n_running else "in a moment"
        say(f"asked {holder} to start no more trials; the sweep ends {when} (ax-moo status {quoted(folder)})")
        return
    say(f"asked {holder} to cancel its jobs and to end; waiting for the end")
    while (current := lock.holder(folder)) and current.is_alive and _is_one(current, holder):
        holder = current if current.pid != _UNNAMED else holder
        if stop_request.asked(folder) is None:
            _write(folder, request)  # one of an earlier version that was just beginning removes what it finds
        time.sleep(POLL_SECONDS)
    _clear(folder)
    say("the sweep has ended")
    # A sweeper that was interrupted or killed meanwhile has not cancelled its jobs.
    with contextlib.suppress(NoSweep):  # it ended before it began
        _cancel_jobs(open_folder(folder))


def _reached(folder: Path, holder: Holder, request: StopRequest) -> Holder | None:
    """The process that has been asked; None if none runs the sweep any more.

    A process that has taken over meanwhile may have taken the request for one to the process before it.
    """
    while True:
        _write(folder, request)
        current = lock.holder(folder)
        if current is None or not current.is_alive:
            return None
        if _is_one(current, holder):
            return current
        holder = current


def _clear(folder: Path) -> None:
    with contextlib.suppress(OSError):  # the next start removes it
        stop_request.clear(folder)


def _is_one(current: Holder, holder: Holder) -> bool:
    """Whether both may be the same process, of which one may not have had its name yet."""
    return _UNNAMED in (current.pid, holder.pid) or current.pid == holder.pid


def _write(folder: Path, request: StopRequest) -> None:
    try:
        stop_request.ask(folder, request)
    except IsADirectoryError:
        raise ConfigError(f"{folder / stop_request.STOP_FILE} is a directory; remove it") from None
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written to: {error.strerror}") from None


def _cancel_controller(folder: Path) -> bool:
    """Cancel a controller job that waits in Slurm's queue, because it would run the sweep; whether there was one."""
    from ax_moo_launchers.attach import attach

    controller = queued_controller(folder)
    if controller is None or not is_own(folder):
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
    from ax_moo_launchers.elsewhere import running_elsewhere

    attach = attacher()
    running: dict[int, tuple[Trial, JobHandle]] = {}
    for trial in sweep.trials:
        job = None if trial.status.is_finished else job_of(trial, sweep)
        if job is not None and trial.status is TrialStatus.STAGED:
            trial = trial.to(TrialStatus.RUNNING, job=job)
            enter(trial)
        if job is not None and job.folder:
            running[trial.index] = trial, attach(job)
    elsewhere = running_elsewhere(handle.job for _, handle in running.values())
    for job, place in elsewhere.items():
        say(f"job {job.job_id} is not cancelled: it runs in {place}, which is not this sweep's")
    return {index: found for index, found in running.items() if found[1].job not in elsewhere}
