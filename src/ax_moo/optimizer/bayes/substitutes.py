"""Points in the place of Ax's candidate, where its model or another generator has none that is valid."""

import dataclasses
import logging
import warnings

from ax_moo.optimizer.base import Candidate
from ax_moo.optimizer.bayes import ax_internals
from ax_moo.optimizer.bayes.ax_problem import AxProblem
from ax_moo.optimizer.bayes.ax_trials import AxTrials
from ax_moo.optimizer.bayes.one_thread import one_thread
from ax_moo.optimizer.bayes.scored_points import ScoredPoints
from ax_moo.optimizer.bayes.sweep_strategy import SweepStrategy
from ax_moo.optimizer.points.untried import Untried
from ax_moo.system.text import error_line

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.adapter.registry import Generators
    from ax.api.client import Client

log = logging.getLogger(__name__)


class Substitutes:
    """The best of some points by the model, else a Sobol point, else a random one.

    ``ax_draws_none`` says that Ax's samplers have found no point in a space with constraints. They draw ten thousand
    points in vain, for seconds, before they say so: they are asked once.
    """

    def __init__(
        self,
        client: Client,
        in_ax: AxProblem,
        untried: Untried,
        trials: AxTrials,
        strategy: SweepStrategy,
        scored: ScoredPoints,
        seed: int | None,
    ) -> None:
        self._client = client
        self._in_ax = in_ax
        self._untried = untried
        self._trials = trials
        self._strategy = strategy
        self._scored = scored
        self._seed = seed
        self._warned: set[type[Exception]] = set()
        self.ax_draws_none = False

    def instead(self, index: int, error: Exception | None) -> Candidate:
        """Another point; without an error, because Ax's own is not valid."""
        try:
            with one_thread():
                if (best := self._scored.best_of_many(index)) is not None:
                    return best
        except Exception as failure:
            error = error or failure
        is_model = self._strategy.is_at_the_model
        if error is not None:
            self._warn(error, is_model)
            self.ax_draws_none = not is_model and self._untried.is_constrained
        candidate = self._of_sobol(index) or self._drawn(index)
        if not is_model or error is None:
            return candidate
        return dataclasses.replace(candidate, model_failed=self._in_ax.in_own_names(error_line(error)))

    def _warn(self, error: Exception, is_model: bool) -> None:
        if type(error) not in self._warned:  # each kind once
            what = "The model" if is_model else "Ax's generator"
            why = self._in_ax.in_own_names(error_line(error))
            log.warning("%s has no candidate (%s); it is a Sobol point while this is so", what, why)
            log.debug("Where it failed", exc_info=error)
        self._warned.add(type(error))

    def _of_sobol(self, index: int) -> Candidate | None:
        """A Sobol point; None where Ax finds none that is valid."""
        if self.ax_draws_none:
            return None
        experiment = ax_internals.experiment(self._client)
        try:
            sobol = Generators.SOBOL(experiment=experiment, seed=self._seed, init_position=len(experiment.trials))
            (found,) = sobol.gen(1).arms
        except Exception as error:
            if not self._untried.is_limited:
                raise
            log.debug("Ax has no Sobol point", exc_info=error)
            return None
        return self._trials.add_if_valid(index, found.parameters, "Sobol")

    def _drawn(self, index: int) -> Candidate:
        node = "Sobol" if self._strategy.has_model else self._strategy.method
        return self._trials.add(index, self._untried.one(), node)
