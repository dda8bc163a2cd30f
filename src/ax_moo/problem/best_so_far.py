"""The frontier, the hypervolume and the best values of trials that are added one after another."""

from collections.abc import Iterable

import numpy as np

from ax_moo.problem.frontier import as_maximization, hypervolume_of, is_feasible, mean, pareto_trials
from ax_moo.problem.problem import Objective, Problem
from ax_moo.trial import CompletedTrial, Trial


class BestSoFar:
    """What is known of the trials so far. To add one costs what the frontier's length costs, whatever came before."""

    def __init__(self, problem: Problem, trials: Iterable[Trial] = ()) -> None:
        self._problem = problem
        self._numbers: set[int] = set()
        self._best: dict[str, tuple[float, int]] = {}
        self._hypervolume: float | None = None
        self.front: list[CompletedTrial] = []
        """The completed, feasible trials that no other such trial dominates, in the order in which they were added."""
        for trial in trials:
            self.add(trial)

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, trial: Trial) -> None:
        """Add a trial, once; one that has not completed, or is not feasible, changes nothing else."""
        measured = CompletedTrial.of(trial)
        if measured is None or trial.index in self._numbers:
            return
        self._numbers.add(trial.index)
        if is_feasible(measured.outcome, self._problem):
            self._note_best(measured)
            self._note_front(measured)

    @property
    def hypervolume(self) -> float:
        if self._hypervolume is None:
            self._hypervolume = hypervolume_of(self.front, self._problem)
        return self._hypervolume

    def best(self, objective: Objective) -> tuple[float, int] | None:
        """The best value of an objective among the feasible trials, and its trial; None where there is none."""
        return self._best.get(objective.name)

    def _note_best(self, trial: CompletedTrial) -> None:
        for objective in self._problem.objectives:
            found = (mean(trial.outcome[objective.name]), trial.index)
            better = min if objective.minimize else max
            self._best[objective.name] = better(found, self._best.get(objective.name, found))

    def _note_front(self, trial: CompletedTrial) -> None:
        """A dominated trial stays dominated, so that the frontier so far and the new trial suffice."""
        points = as_maximization([each.outcome for each in (*self.front, trial)], self._problem.objectives)
        others, own = points[:-1], points[-1]
        if not bool(((others >= own).all(axis=1) & np.any(others > own, axis=1)).any()):
            self.front = pareto_trials([*self.front, trial], self._problem)
            self._hypervolume = None
