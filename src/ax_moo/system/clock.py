"""A clock for the times in the journal: it never jumps or runs backwards while the sweep runs."""

import time
from collections.abc import Callable


def steady_clock(not_before: float = 0.0) -> Callable[[], float]:
    """A function that returns seconds since the epoch.

    The wall clock is read once, now. From then on the time is counted with a clock that nobody can set.
    ``not_before`` is the latest time in the journal: where the wall clock was set back since then, trials must not
    end before they began.
    """
    begin, tick = max(time.time(), not_before), _ticks()
    return lambda: begin + _ticks() - tick


def _ticks() -> float:
    # CLOCK_BOOTTIME counts on while the machine sleeps; time.monotonic does not.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
