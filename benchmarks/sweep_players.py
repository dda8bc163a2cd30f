"""Our optimizer and Ax's Client behind one interface, for the benchmarks that compare them."""

from typing import Any, Protocol

from ax_moo.problem.problem import Problem
from ax_moo.trial import Trial, TrialStatus


class Player(Protocol):
    def ask(self, index: int) -> dict[str, Any]:
        """The point of the trial of this number."""
        ...

    def attach(self, index: int, point: dict[str, Any]) -> None:
        """Take note of a trial that was not asked for."""
        ...

    def tell(self, index: int, outcome: dict[str, float] | None) -> None:
        """The outcome of a trial; None if it failed."""
        ...


class Ours:
    """Our optimizer, as a sweep uses it."""

    def __init__(self, method: str, problem: Problem, seed: int) -> None:
        from ax_moo.optimizer.bayes.ax_client import AxOptimizer

        self._optimizer = AxOptimizer(problem, method, seed)
        self._trials: dict[int, Trial] = {}

    def ask(self, index: int) -> dict[str, Any]:
        candidate = self._optimizer.ask(index)
        assert candidate is not None
        self._trials[index] = Trial(index, candidate.parameterization, arm=candidate.arm)
        return dict(candidate.parameterization)

    def attach(self, index: int, point: dict[str, Any]) -> None:
        self._trials[index] = Trial(index, point)
        self._optimizer.replay([self._trials[index]])

    def tell(self, index: int, outcome: dict[str, float] | None) -> None:
        trial = self._trials[index]
        if outcome is None:
            self._optimizer.tell(trial.to(TrialStatus.FAILED, reason="failed"))
        else:
            self._optimizer.tell(trial.to(TrialStatus.COMPLETED, outcome=outcome))


def player(who: str, problem: Problem, seed: int) -> Player:
    """One of our methods, or ``bare``: the module that the other needs is not imported."""
    if who != "bare":
        return Ours(who, problem, seed)
    from bare_client import BareClient

    return BareClient(problem, seed)
