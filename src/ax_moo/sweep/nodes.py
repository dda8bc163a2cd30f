"""Nodes of a cluster on which jobs are lost again and again, and which later jobs avoid for a while."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ax_moo.trial import Fault, Trial, TrialStatus

log = logging.getLogger(__name__)

LOSSES = 2
WITHIN_S = 3600.0
AVOIDED_S = 7200.0
"""A node that has lost two jobs within an hour is avoided for two hours."""


@dataclass(frozen=True)
class AvoidedNode:
    """A node that jobs avoid ``until`` then, in seconds since the epoch; ``reason`` is that of its last loss."""

    node: str
    losses: int
    reason: str
    until: float

    def sentence(self, is_swept: bool) -> str:
        """What jobs make of the losses; a sweep that nobody runs has no later jobs unless it goes on."""
        until = time.strftime("%H:%M", time.localtime(self.until))
        so = f"later jobs avoid it until {until}" if is_swept else f"jobs avoid it if the sweep goes on before {until}"
        return f"{self.losses} jobs were lost on node {self.node} ({self.reason}); {so}"


def blames_node(trial: Trial) -> bool:
    """Whether a node may be to blame for the loss of one of the trial's attempts."""
    return any(True for _ in _losses([trial]))


def avoided_nodes(trials: Iterable[Trial], now: float) -> list[AvoidedNode]:
    """The nodes that jobs avoid now, the one that they may use again first in front.

    It depends on the trials alone, so that a resumed sweep and a reader of its journal know it too.
    """
    by_node: dict[str, list[_Loss]] = defaultdict(list)
    for loss in sorted(_losses(trials), key=lambda loss: loss.time):
        by_node[loss.node].append(loss)
    found = [avoided for losses in by_node.values() if (avoided := _avoided(losses, now)) is not None]
    return sorted(found, key=lambda each: each.until)


def to_avoid(trial: Trial, avoided: Sequence[AvoidedNode], now: float) -> tuple[str, ...]:
    """The nodes that the trial's next job is to avoid, the one that it may use first in front.

    A node on which one of its own attempts died at its start comes first: another node shows whose fault it was.
    """
    names = [each.node for each in avoided]
    own = [loss.node for loss in _losses([trial]) if loss.fault is Fault.DIED_AT_START and now < loss.time + AVOIDED_S]
    return tuple(dict.fromkeys([*(name for name in own if name not in names), *names]))


class NodeWatch:
    """Says once that a node is avoided, and once that it is used again."""

    def __init__(self) -> None:
        self._avoided: set[str] = set()

    def look(self, trials: Iterable[Trial], now: float) -> list[AvoidedNode]:
        found = avoided_nodes(trials, now)
        for each in found:
            if each.node not in self._avoided:
                log.warning("%s", each.sentence(is_swept=True))
        names = {each.node for each in found}
        for name in sorted(self._avoided - names):
            log.info("Jobs may run on node %s again", name)
        self._avoided = names
        return found


@dataclass(frozen=True)
class _Loss:
    node: str
    time: float
    reason: str
    fault: Fault


def _losses(trials: Iterable[Trial]) -> Iterator[_Loss]:
    """The lost attempts for which their nodes may be to blame."""
    for trial in trials:
        for attempt in trial.previous_attempts:
            if attempt.fault is not None and attempt.fault.is_suspicious and attempt.node and attempt.time is not None:
                yield _Loss(attempt.node, attempt.time, attempt.reason, attempt.fault)
        if trial.status is TrialStatus.FAILED and trial.fault is not None and trial.fault.is_suspicious and trial.node:
            yield _Loss(trial.node, trial.time, trial.reason or "", trial.fault)


def _avoided(losses: Sequence[_Loss], now: float) -> AvoidedNode | None:
    """The node of these losses, in the order of their times, if it is avoided now."""
    recent = [loss for loss in losses if loss.time <= now]
    for number in range(len(recent), LOSSES - 1, -1):
        first, last = recent[number - LOSSES], recent[number - 1]
        if last.time - first.time <= WITHIN_S:
            until = last.time + AVOIDED_S
            lost = sum(loss.time >= last.time - WITHIN_S for loss in recent)
            return AvoidedNode(last.node, lost, last.reason, until) if now < until else None
    return None
