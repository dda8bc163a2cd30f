"""Measures how long free slots wait for a candidate."""

from collections import deque


class FreeSlots:
    """The slots for which there is no trial yet, and since when."""

    def __init__(self) -> None:
        self._since: deque[float] = deque()

    def count(self, free: int, now: float) -> None:
        """Note that so many slots are free now; those that were filled meanwhile had waited longest."""
        while len(self._since) < free:
            self._since.append(now)
        while len(self._since) > max(0, free):
            self._since.popleft()

    def fill(self, now: float) -> float:
        """Fill the slot that has waited longest, and return for how many seconds it had."""
        return max(0.0, now - self._since.popleft()) if self._since else 0.0
