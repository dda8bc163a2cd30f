"""The loop's pause between two rounds, which a candidate or a job's result ends early."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from ax_moo.jobs.launcher import JobHandle, ShowsItsResult

LOOK_SECONDS = 0.02
"""How often the sweep looks for results, at most: a look is one question to the file system for each job."""

_PART_OF_A_TRIAL = 100


def pause(
    wait: Callable[[float], bool], handles: Iterable[JobHandle], seconds: float, trial_seconds: float | None
) -> None:
    """Wait for so many seconds, or until ``wait`` returns True, or until a job's result is there.

    An end that is noticed late costs the slot that time. So the sweep looks a hundred times in the duration of a trial,
    but not more often than ``LOOK_SECONDS``, and at least at each round.
    """
    looks = [handle.may_have_ended for handle in handles if isinstance(handle, ShowsItsResult)]
    between = max(LOOK_SECONDS, (trial_seconds or 0.0) / _PART_OF_A_TRIAL) if looks else seconds
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not wait(min(between, left)):
        if any(map(_says_yes, looks)):
            return


def _says_yes(look: Callable[[], bool]) -> bool:
    with suppress(Exception):  # the next round warns of a job that cannot be looked at
        return look()
    return False
