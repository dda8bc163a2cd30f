"""Cancels running jobs and waits until the scheduler reports their end."""

import logging
import time
from collections.abc import Callable, Mapping

from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo.trial import Trial, TrialStatus

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
_SAY_SECONDS = 10.0

CANCELLED = "cancelled together with the sweep"
"""The reason of a running trial whose job is being cancelled, and of the attempt that ended this way."""


def cancel_and_wait(
    running: Mapping[int, tuple[Trial, JobHandle]],
    enter: Callable[[Trial], None],
    clock: Callable[[], float] = time.time,
) -> Mapping[int, JobHandle]:
    """Cancel the jobs of these trials, by trial number, and return when every one has ended.

    ``enter`` first records that a trial is cancelled, so that the attempt uses up no retry, even if this process ends
    before the job does. It then gets the trial staged for another attempt, which a resumed sweep makes. The returned
    jobs ended by themselves; the sweep, or a resumed one, collects their results.
    """
    ended = {index: handle for index, (_, handle) in running.items() if _state_of(handle).has_ended}
    # A job that could not be recorded before has its id from here on: without it the trial could not be retried.
    left = {
        index: (trial.to(TrialStatus.RUNNING, job=handle.job, reason=CANCELLED, time=clock()), handle)
        for index, (trial, handle) in running.items()
        if index not in ended
    }
    not_cancelled = []
    for index, (trial, handle) in left.items():
        enter(trial)
        if not _try_cancel(handle, logging.WARNING):
            not_cancelled.append(index)
    said_at = time.monotonic()
    while left:
        not_cancelled = [i for i in not_cancelled if i in left and not _try_cancel(left[i][1], logging.DEBUG)]
        for index, (trial, handle) in list(left.items()):
            state = _state_of(handle)
            if state is JobState.LOST:
                enter(trial.retry(CANCELLED, counts=False, time=clock()))
            elif state is JobState.FINISHED:
                ended[index] = handle
            else:
                continue
            del left[index]
        if left and time.monotonic() - said_at > _SAY_SECONDS:
            said_at = time.monotonic()
            log.info("Waiting for %d jobs to end: %s", len(left), ", ".join(h.job.job_id for _, h in left.values()))
        if left:
            time.sleep(POLL_SECONDS)
    return ended


def _state_of(handle: JobHandle) -> JobState:
    try:
        return handle.state()
    except Exception as error:  # a network file system may fail for a moment
        log.debug("The state of job %s cannot be read: %r", handle.job.job_id, error)
        return JobState.RUNNING


def _try_cancel(handle: JobHandle, level: int) -> bool:
    """Whether the cancellation was sent; the caller tries again later where it was not."""
    try:
        handle.cancel()
    except Exception as error:
        log.log(level, "Job %s could not be cancelled, the sweep tries again: %r", handle.job.job_id, error)
        return False
    return True
