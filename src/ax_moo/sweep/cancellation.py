"""End running jobs, and wait until they are gone."""

import logging
import time
from collections.abc import Callable, Mapping

from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo.trial import Trial, TrialStatus

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
_SAY_SECONDS = 10.0

CANCELLED = "cancelled together with the sweep"
"""The reason of a running trial whose job was told to end, and of the attempt that ended so."""

_ENDED = (JobState.FINISHED, JobState.LOST)


def cancel_and_wait(
    running: Mapping[int, tuple[Trial, JobHandle]],
    enter: Callable[[Trial], None],
    clock: Callable[[], float] = time.time,
) -> Mapping[int, JobHandle]:
    """Cancel the jobs of these trials, by trial number, and return when every one has ended.

    A trial whose job is lost by that is handed to ``enter`` staged for another attempt, which a resumed sweep makes.
    That it is cancelled is noted first, so that it uses up no retry, even if nobody waits for the end. Jobs that had
    ended before are returned, for the sweep, or a resumed one, to collect with their own results and reasons.
    """
    ended = {index: handle for index, (_, handle) in running.items() if _state_of(handle) in _ENDED}
    left = {
        index: (trial.to(TrialStatus.RUNNING, reason=CANCELLED, time=clock()), handle)
        for index, (trial, handle) in running.items()
        if index not in ended
    }
    untold = []
    for index, (trial, handle) in left.items():
        enter(trial)
        if not _is_told(handle, logging.WARNING):
            untold.append(index)
    said_at = time.monotonic()
    while left:
        untold = [index for index in untold if index in left and not _is_told(left[index][1], logging.DEBUG)]
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
            log.info("Waiting for %d jobs to be gone: %s", len(left), ", ".join(h.job.job_id for _, h in left.values()))
        if left:
            time.sleep(POLL_SECONDS)
    return ended


def _state_of(handle: JobHandle) -> JobState:
    try:
        return handle.state()
    except Exception as error:  # a network file system has such moments
        log.debug("Job %s cannot be looked at: %r", handle.job.job_id, error)
        return JobState.RUNNING


def _is_told(handle: JobHandle, level: int) -> bool:
    """Whether the job was told to end; one that could not be is told again, after the others."""
    try:
        handle.cancel()
    except Exception as error:
        log.log(level, "Job %s could not be cancelled, and is told again: %r", handle.job.job_id, error)
        return False
    return True
