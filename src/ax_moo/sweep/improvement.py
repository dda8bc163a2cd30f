"""Whether a sweep has stopped improving: ``stop_when`` ends it then."""

from collections.abc import Iterable

from ax_moo.problem.problem import Problem
from ax_moo.trial import CompletedTrial, Trial


class Improvement:
    """Counts the completed trials in a row that improved nothing, in the order in which they completed.

    With one objective a trial improves the sweep if it is better than the best so far. With several it does if it is
    new on the Pareto frontier: no earlier feasible trial is as good in every objective. The count begins with the first
    feasible trial, because until then nothing is found. ``limit`` None means that nothing is counted.
    """

    def __init__(self, problem: Problem, limit: int | None, trials: Iterable[Trial] = ()) -> None:
        self._problem = problem
        self._limit = limit
        self._in_a_row = self._longest = 0
        self._front: list[CompletedTrial] = []
        for trial in trials:
            self.note(trial)

    def note(self, trial: Trial) -> None:
        """Note the new state of a trial; only a completed one changes anything."""
        measured = CompletedTrial.of(trial) if self._limit is not None else None
        if measured is None:
            return
        if self._improves(measured):
            self._in_a_row = 0
        elif self._front:
            self._in_a_row += 1
        self._longest = max(self._longest, self._in_a_row)

    @property
    def has_ended(self) -> bool:
        """Whether so many trials in a row have improved nothing, at any time.

        A sweep that is over stays so, also where one of the trials that still ran then has improved it.
        """
        return self._limit is not None and self._longest >= self._limit

    @property
    def why(self) -> str:
        trials = "trial" if self._limit == 1 else "trials in a row"
        return f"{self._limit} {trials} improved nothing (stop_when.no_improvement={self._limit})"

    def _improves(self, trial: CompletedTrial) -> bool:
        from ax_moo.problem.frontier import as_maximization, is_feasible, pareto_trials  # they import NumPy

        if not is_feasible(trial.outcome, self._problem):
            return False
        points = as_maximization([each.outcome for each in (*self._front, trial)], self._problem.objectives)
        if bool((points[:-1] >= points[-1]).all(axis=1).any()):
            return False
        self._front = pareto_trials([*self._front, trial], self._problem)
        return True
