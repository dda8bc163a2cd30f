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


def cancel_and_wait(running: Mapping[int, tuple[Trial, JobHandle]], enter: Callable[[Trial], None]) -> None:
    """Cancel the jobs of these trials, by trial number, and return when every one has ended.

    A trial whose job was lost by that is handed to ``enter`` staged for another attempt, which a resumed sweep makes;
    one whose job had finished is left as it is, so that a resumed sweep collects its result.
    """
    for _, handle in running.values():
        handle.cancel()
    left, said_at = dict(running), time.monotonic()
    while left:
        for index, (trial, handle) in list(left.items()):
            state = handle.state()
            if state is JobState.LOST:
                enter(trial.again(CANCELLED, counts=False))
            if state in (JobState.LOST, JobState.FINISHED):
                del left[index]
        if left and time.monotonic() - said_at > _SAY_SECONDS:
            said_at = time.monotonic()
            log.info("Waiting for %d jobs to be gone: %s", len(left), ", ".join(h.job.job_id for _, h in left.values()))
        if left:
            time.sleep(POLL_SECONDS)
