"""Time that neither jumps nor runs backwards while a sweep lives."""

import time
from collections.abc import Callable


def steady_clock(not_before: float = 0.0) -> Callable[[], float]:
    """Seconds since the epoch by the wall clock as it is now, and by a clock that nobody sets from here on.

    ``not_before`` is the latest time that an earlier life of the sweep noted: a wall clock that was set back since
    then must not make trials end before they began.
    """
    begin, tick = max(time.time(), not_before), _ticks()
    return lambda: begin + _ticks() - tick


def _ticks() -> float:
    # Unlike time.monotonic, it goes on while the machine sleeps.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
