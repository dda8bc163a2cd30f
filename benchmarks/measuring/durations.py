"""Durations of trials, and the shortest time in which slots that never wait can work through them."""

import heapq
import math
import random
from collections.abc import Sequence


def log_normal(count: int, median: float, sigma: float, seed: int) -> list[float]:
    draw = random.Random(seed)
    return [round(median * math.exp(draw.gauss(0, sigma)), 3) for _ in range(count)]


def ideal(durations: Sequence[float], slots: int) -> float:
    """The makespan if each trial starts, in the order of their numbers, as soon as a slot is free (list scheduling)."""
    free = [0.0] * slots
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)
