"""AxOptimizer: Ax as a sweep's optimizer. A sweep imports Ax here only; the page's analyses have their own process.

Ax's client is a cache. Everything in it comes from the problem, the settings and the trials in the journal: a new
client that is told the same trials proposes the same candidates.
"""

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ax_moo.optimizer.base import Candidate, Method, is_after_the_design, proposed
from ax_moo.optimizer.bayes.ax_problem import AxProblem, aliases
from ax_moo.optimizer.bayes.ax_trials import AxTrials
from ax_moo.optimizer.bayes.one_thread import one_thread
from ax_moo.optimizer.bayes.quiet_ax import quiet_ax
from ax_moo.optimizer.bayes.scored_points import ScoredPoints
from ax_moo.optimizer.bayes.substitutes import Substitutes
from ax_moo.optimizer.bayes.sweep_strategy import SweepStrategy
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.optimizer.points.untried import Untried
from ax_moo.optimizer.telling import Telling
from ax_moo.problem.problem import Problem
from ax_moo.system.text import error_line
from ax_moo.trial import Parameterization, Trial

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.api.client import Client
    from ax.exceptions.core import DataRequiredError
    from ax.exceptions.generation_strategy import MaxParallelismReachedException

__all__ = ["AxOptimizer", "aliases"]

log = logging.getLogger(__name__)


class AxOptimizer:
    """The optimizer of one sweep, with Ax's client behind ask and tell.

    It is not thread-safe: one thread owns it. The same seed and the same order of calls give the same candidates, also
    when a :meth:`replay` stands for the first calls.
    """

    def __init__(
        self,
        problem: Problem,
        method: str = Method.AUTO,
        seed: int | None = None,
        n_initial: int | None = None,
        initial: Sequence[Parameterization] = (),
    ) -> None:
        self._problem = problem
        self._initial = list(initial)
        self._in_ax = in_ax = AxProblem(problem)
        self._untried = untried = Untried(problem, seed)
        quiet_ax()
        with in_ax.own_names():
            self._client = client = in_ax.client(seed)
        self._strategy = strategy = SweepStrategy(client, str(method), seed, n_initial)
        self._trials = trials = AxTrials(client, in_ax, untried, strategy.fits)
        self._scored = scored = ScoredPoints(client, in_ax, untried, trials, strategy.has_model, seed)
        self._substitutes = Substitutes(client, in_ax, untried, trials, strategy, scored, seed)
        self._design: InitialDesign | None = None
        if seed is not None and untried.is_constrained:
            self._design = InitialDesign(problem, Method(method), seed, n_initial, initial)

    @property
    def client(self) -> Client:
        """The Ax client that proposes the candidates."""
        return self._client

    @property
    def metric_in_ax(self) -> Mapping[str, str]:
        """Ax's name for each metric of the problem."""
        return self._in_ax.metric_alias

    @property
    def parameter_in_ax(self) -> Mapping[str, str]:
        """Ax's name for each searched parameter."""
        return self._in_ax.parameter_alias

    @property
    def trial_of_ax(self) -> Mapping[int, int]:
        """The sweep's trial number for each trial index of Ax."""
        return self._trials.of_ax

    def in_ax(self, parameterization: Parameterization) -> dict[str, Any]:
        """A parameterization with Ax's names and in the coordinates in which Ax searches."""
        return self._in_ax.aliased(self._in_ax.encoding.to_arm(parameterization))

    def analysis_client(self) -> Client:
        """The client for Ax's analyses: whatever the sweep's method, its strategy has a model of all data.

        The analyses take the model from the strategy's current node. In a sweep this node often has no model: always
        with sobol, random and grid, and with the other methods before the first model-based candidate.
        """
        self._strategy.set_for_analyses()
        return self._client

    def fitted_client(self) -> Client:
        """The client for analyses with its model fitted, as ``client.predict`` needs it; without one if that fails."""
        self._strategy.set_for_analyses()
        try:
            self._strategy.fit()
        except Exception as error:
            log.warning(
                "Ax's model cannot be fitted to the results (%s): client.predict does not work", error_line(error)
            )
        return self._client

    def replay(self, trials: Iterable[Trial]) -> None:
        """Bring a new optimizer to the state after these trials, given in their last states, were asked and told.

        The trials are told in the given order, which must be the order of their completions.
        """
        Telling(self).replay(trials)

    def accept(self, trial: Trial) -> None:
        """Take note of a trial that another optimizer has proposed."""
        self._strategy.model_has_begun = self._strategy.model_has_begun or is_after_the_design(trial)
        self._trials.accept(trial)
        if self._design is not None:
            self._design.accept(trial)

    def tell(self, trial: Trial) -> None:
        """Tell Ax about a finished trial; to tell it twice is harmless.

        A trial without an outcome is no longer pending in Ax, and its point is not proposed again.
        """
        if self._design is not None and not self._trials.knows_end_of(trial):
            self._design.tell(trial)
        self._trials.tell(trial)

    def ask(self, index: int) -> Candidate | None:
        """A candidate for the trial of this number; None means to ask again when another trial has finished.

        Raises:
            SearchSpaceExhausted: every point has been tried.
        """
        if self._design is not None and (candidate := self._design.ask()) is not None:
            self.accept(proposed(index, candidate))
            return candidate
        candidate = self._asked_of_ax(index)
        if self._design is not None and candidate is not None:
            self._design.accept(proposed(index, candidate))
        return candidate

    def _asked_of_ax(self, index: int) -> Candidate | None:
        for point in self._initial:
            if self._untried.is_new(point):
                return self._trials.add(index, point, "initial")
        if self._strategy.method == Method.GRID:
            return self._trials.add(index, self._untried.next_of_the_grid(), self._strategy.method)
        self._untried.check_any_left()  # Ax would search for another point for minutes
        try:
            with one_thread():
                self._strategy.set_for_candidates(is_first=not self._trials)
                if self._problem.solution.unsolved or self._substitutes.ax_draws_none:
                    return self._instead(index, None)
                if (scored := self._scored.best_of_few(index)) is not None:
                    return scored
                ((ax_index, parameters),) = self._generate().items()
        except (DataRequiredError, MaxParallelismReachedException):
            return None
        except Exception as error:
            return self._instead(index, error)
        return self._trials.take(index, ax_index, parameters) or self._instead(index, None)

    def _generate(self) -> dict[int, Any]:
        generated: dict[int, Any] = self._client.get_next_trials(1)
        if not generated:
            raise DataRequiredError("Ax has no candidate yet")
        return generated

    def _instead(self, index: int, error: Exception | None) -> Candidate:
        return self._substitutes.instead(index, error)
