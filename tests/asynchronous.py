"""A sweep in which trials run at once and end in another order than they began, without jobs."""

import math
import random
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.trial import Outcome, Parameterization, Trial, TrialStatus

PENDING = 4
Evaluate = Callable[[Mapping[str, Any]], Outcome]


class Player(Protocol):
    def ask(self, index: int) -> Parameterization: ...

    def tell(self, index: int, outcome: Outcome | None) -> None:
        """The outcome of a trial; None if it failed."""
        ...


class Ours:
    """AxOptimizer as a sweep uses it; it keeps the trials as a journal would."""

    def __init__(self, optimizer: AxOptimizer) -> None:
        self.optimizer = optimizer
        self.asked: dict[int, Trial] = {}
        self.told: list[Trial] = []
        self.journals: list[list[Trial]] = []
        """For each trial, what the journal held when it was asked for, in the order in which it is replayed."""

    def ask(self, index: int) -> Parameterization:
        ended = {trial.index for trial in self.told}
        self.journals.append([*self.told, *(trial for i, trial in self.asked.items() if i not in ended)])
        candidate = self.optimizer.ask(index)
        assert candidate is not None
        node = candidate.generation_node
        self.asked[index] = Trial(index, candidate.parameterization, generation_node=node, arm=candidate.arm)
        return candidate.parameterization

    def tell(self, index: int, outcome: Outcome | None) -> None:
        trial = self.asked[index]
        done = trial.to(TrialStatus.COMPLETED, outcome=outcome) if outcome else trial.to(TrialStatus.FAILED, reason="x")
        self.told.append(done)
        self.optimizer.tell(done)


def play(player: Player, evaluate: Evaluate, n_trials: int, failing: int = -1, seed: int = 0) -> list[Parameterization]:
    """The points that were asked for: one for each free slot, as soon as a trial ends."""
    draw, running = random.Random(seed), []
    points: list[Parameterization] = []
    while len(points) < n_trials:
        while len(running) < PENDING and len(points) < n_trials:
            running.append(len(points))
            points.append(player.ask(len(points)))
        ended = running.pop(math.floor(draw.random() * len(running)))
        player.tell(ended, None if ended == failing else evaluate(points[ended]))
    return points
