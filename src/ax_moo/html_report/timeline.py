"""The timeline of the page: when each attempt ran, in which slot, and how much of the slots' time was used."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ax_moo.trial import Trial, TrialStatus

LOST = "LOST"
"""The outcome of an attempt that was followed by another attempt."""


@dataclass(frozen=True)
class Span:
    """One attempt at a trial. Times are seconds since the epoch; ``end`` is None while the attempt runs."""

    trial: int
    attempt: int
    start: float
    end: float | None = None
    outcome: str = str(TrialStatus.RUNNING)
    reason: str | None = None
    slot: int = 0


def timeline(events: Iterable[Trial], now: float) -> dict[str, Any]:
    """Every attempt's span in the lowest free slot, and the share of the slots' time that was used.

    A job takes a slot from its submission until the sweep sees its end. The number of slots is the largest number of
    jobs at one time.
    """
    placed = _placed(spans(events), now)
    slots = max((span.slot for span in placed), default=-1) + 1
    return {"slots": slots, "utilization": _utilization(placed, slots, now), "spans": [vars(span) for span in placed]}


def spans(events: Iterable[Trial]) -> list[Span]:
    """The attempts, in the order in which they began."""
    begun: dict[tuple[int, int], Span] = {}
    for trial in events:
        key = (trial.index, trial.attempt)
        if trial.status is TrialStatus.RUNNING:
            begun.setdefault(key, Span(trial.index, trial.attempt, trial.time))
        elif trial.status is TrialStatus.STAGED:
            lost = (trial.index, trial.attempt - 1)
            if lost in begun:
                begun[lost] = replace(
                    begun[lost], end=trial.time, outcome=LOST, reason=trial.previous_attempts[-1].reason
                )
        elif key in begun:
            begun[key] = replace(begun[key], end=trial.time, outcome=str(trial.status), reason=trial.reason)
    return sorted(begun.values(), key=lambda span: (span.start, span.trial))


def _placed(spans: Iterable[Span], now: float) -> list[Span]:
    free: list[int] = []
    taken: list[tuple[float, int]] = []
    placed = []
    for span in spans:
        while taken and taken[0][0] <= span.start:
            heapq.heappush(free, heapq.heappop(taken)[1])
        slot = heapq.heappop(free) if free else len(taken)
        heapq.heappush(taken, (now if span.end is None else span.end, slot))
        placed.append(replace(span, slot=slot))
    return placed


def _utilization(spans: list[Span], slots: int, now: float) -> float | None:
    ends = [now if span.end is None else span.end for span in spans]
    if not spans or max(ends) <= spans[0].start:
        return None
    used = sum(end - span.start for span, end in zip(spans, ends, strict=True))
    return float(used / (slots * (max(ends) - spans[0].start)))
