"""End running jobs, and wait until they are gone."""

import logging
import time
from collections.abc import Callable, Mapping

from ax_moo.jobs import JobHandle, JobState
from ax_moo.trial import Trial

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
_SAY_SECONDS = 10.0

CANCELLED = "cancelled together with the sweep"


def cancel_and_wait(
    running: Mapping[int, tuple[Trial, JobHandle]], enter: Callable[[Trial], None]
) -> Mapping[int, JobHandle]:
    """Cancel the jobs of these trials, by trial number, and return when every one has ended.

    A trial whose job was lost by that is handed to ``enter`` staged for another attempt, which a resumed sweep makes.
    One whose job had finished has a result; these are returned, for the sweep, or a resumed one, to collect.
    """
    for _, handle in running.values():
        handle.cancel()
    left, finished, said_at = dict(running), {}, time.monotonic()
    while left:
        for index, (trial, handle) in list(left.items()):
            state = _state_of(handle)
            if state is JobState.LOST:
                enter(trial.again(CANCELLED, counts=False))
            elif state is JobState.FINISHED:
                finished[index] = handle
            else:
                continue
            del left[index]
        if left and time.monotonic() - said_at > _SAY_SECONDS:
            said_at = time.monotonic()
            log.info("Waiting for %d jobs to be gone: %s", len(left), ", ".join(h.job.job_id for _, h in left.values()))
        if left:
            time.sleep(POLL_SECONDS)
    return finished


def _state_of(handle: JobHandle) -> JobState:
    try:
        return handle.state()
    except OSError:  # a network file system has such moments
        return JobState.RUNNING
