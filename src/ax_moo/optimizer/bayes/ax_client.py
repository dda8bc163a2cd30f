"""AxOptimizer: Ax as a sweep's optimizer. A sweep imports Ax here only; the page's analyses have their own process.

Ax's client is a cache. Everything in it comes from the problem, the settings and the trials in the journal: a new
client that is told the same trials proposes the same candidates.
"""

import dataclasses
import logging
import random
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ax_moo.optimizer.base import MODEL_NODE, Candidate, Method, SearchSpaceExhausted, is_after_the_design
from ax_moo.optimizer.bayes import ax_internals
from ax_moo.optimizer.bayes.ax_problem import AxProblem, aliases
from ax_moo.optimizer.bayes.ax_strategy import analysis_strategy, ax_strategy, baseline_strategy, make_cheaper
from ax_moo.optimizer.bayes.one_thread import one_thread
from ax_moo.optimizer.bayes.scheduled_fits import ScheduledFits
from ax_moo.optimizer.bayes.scored_points import best_of
from ax_moo.optimizer.first_points.allowed import allowed_points
from ax_moo.optimizer.first_points.initial_design import design_seed
from ax_moo.optimizer.first_points.points import grid_point, key, number_of_points
from ax_moo.optimizer.telling import Telling
from ax_moo.problem.problem import Problem
from ax_moo.system.text import error_line
from ax_moo.trial import CompletedTrial, Parameterization, Trial

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.adapter.registry import Generators
    from ax.api.client import Client
    from ax.exceptions.core import DataRequiredError
    from ax.exceptions.generation_strategy import MaxParallelismReachedException
    from ax.generation_strategy.generation_strategy import GenerationStrategy

__all__ = ["AxOptimizer", "aliases"]

log = logging.getLogger(__name__)

MOST_SCORED = 1000
"""Where a constrained finite space has no more points left, the model scores all of them."""
FEW_LEFT = 50
"""Where any finite space has no more points left, the model scores all of them."""
DRAWN = 64
"""So many random points are scored where Ax finds none in a space with constraints."""
MOST_DRAWS = 200
"""So many random points may be known before another one is taken to be beyond reach."""


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
        self._method = str(method)
        self._seed = seed
        self._n_initial = n_initial
        self._initial = list(initial)
        self._in_ax = AxProblem(problem)
        self._encoding = self._in_ax.encoding
        self._points = problem.points
        self._number_of_points = number_of_points(problem)
        self._proposed: set[str] = set()
        self._ax_index: dict[int, int] = {}
        self._told: set[int] = set()
        self._failures: set[type[Exception]] = set()
        self._ax_draws_none = False
        _quiet_ax()
        with self._in_ax.own_names():
            self._client = self._in_ax.client(seed)
        self._has_strategy = False
        self._model_has_begun = False
        self._fits = ScheduledFits(self._client, seed)

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
        return {ax_index: index for index, ax_index in self._ax_index.items()}

    def in_ax(self, parameterization: Parameterization) -> dict[str, Any]:
        """A parameterization with Ax's names and in the coordinates in which Ax searches."""
        return self._in_ax.aliased(self._encoding.to_arm(parameterization))

    def analysis_client(self) -> Client:
        """The client for Ax's analyses: whatever the sweep's method, its strategy has a model of all data.

        The analyses take the model from the strategy's current node. In a sweep this node often has no model: always
        with sobol, random and grid, and with the other methods before the first model-based candidate.
        """
        self._client.set_generation_strategy(analysis_strategy())
        self._has_strategy = False
        return self._client

    def fitted_client(self) -> Client:
        """The client for analyses with its model fitted, as ``client.predict`` needs it; without one if that fails."""
        client = self.analysis_client()
        try:
            ax_internals.strategy(client).fit(ax_internals.experiment(client))
        except Exception as error:
            log.warning(
                "Ax's model cannot be fitted to the results (%s): client.predict does not work", error_line(error)
            )
        return client

    def replay(self, trials: Iterable[Trial]) -> None:
        """Bring a new optimizer to the state after these trials, given in their last states, were asked and told.

        The trials are told in the given order, which must be the order of their completions.
        """
        Telling(self).replay(trials)

    def accept(self, trial: Trial) -> None:
        """Take note of a trial that another optimizer has proposed."""
        self._proposed.add(key(trial.parameterization))
        self._model_has_begun = self._model_has_begun or is_after_the_design(trial)
        with self._in_ax.own_names():
            self._attach(trial.index, trial.arm or self._encoding.to_arm(trial.parameterization))

    def ask(self, index: int) -> Candidate | None:
        """A candidate for the trial of this number; None means to ask again when another trial has finished.

        Raises:
            SearchSpaceExhausted: every point has been tried.
        """
        for point in self._initial:
            if key(point) not in self._proposed:
                return self._propose(index, point, "initial")
        if self._method == Method.GRID:
            point = grid_point(self._problem, self._proposed, len(self._proposed))
            return self._propose(index, point, self._method)
        if len(self._proposed) == self._number_of_points:
            # Ax would search for another point for minutes.
            raise SearchSpaceExhausted(f"all {self._number_of_points} points were tried")
        try:
            with one_thread():
                self._begin_strategy()
                if self._problem.solution.unsolved or self._ax_draws_none:
                    return self._instead(index, None)
                if (scored := self._scored_if_few(index)) is not None:
                    return scored
                ((ax_index, parameters),) = self._generate().items()
        except (DataRequiredError, MaxParallelismReachedException):
            return None
        except Exception as error:
            return self._instead(index, error)
        node, arm = self._node_of(ax_index), self._in_ax.unaliased(parameters)
        if self._is_valid(arm):
            self._ax_index[index] = ax_index
            return self._candidate(arm, node)
        self._client.mark_trial_abandoned(ax_index)
        return self._instead(index, None)

    def tell(self, trial: Trial) -> None:
        """Tell Ax about a finished trial; to tell it twice is harmless.

        A trial without an outcome is no longer pending in Ax, and its point is not proposed again.
        """
        if trial.index in self._told:
            return
        self._told.add(trial.index)
        with self._in_ax.own_names():
            self._tell(trial)

    def _tell(self, trial: Trial) -> None:
        ax_index = self._ax_index[trial.index]
        if measured := CompletedTrial.of(trial):
            self._client.attach_data(ax_index, self._in_ax.raw_data(measured.outcome))
            # As complete_trial, which also looks through the data of all trials to log which metrics are missing.
            ax_internals.experiment(self._client).trials[ax_index].mark_completed()
            self._fits.told(ax_index)
        else:
            self._client.mark_trial_abandoned(ax_index)

    def _begin_strategy(self) -> None:
        if not self._has_strategy:
            is_first = not self._ax_index
            self._client.set_generation_strategy(self._strategy(with_center=is_first))
            # After the centre a sweep goes on with the strategy with which a resumed one begins: with n_initial=1 only
            # that one has Sobol points until a model has data.
            self._has_strategy = not is_first

    def _generate(self) -> dict[int, Any]:
        generated: dict[int, Any] = self._client.get_next_trials(1)
        if not generated:
            raise DataRequiredError("Ax has no candidate yet")
        return generated

    def _strategy(self, with_center: bool) -> GenerationStrategy:
        if self._method in (Method.SOBOL, Method.RANDOM):
            return baseline_strategy(self._method, self._seed)
        # Only the first candidate of a sweep is the centre. Without this, a replayed strategy would begin with the
        # centre node, and lag one node behind the strategy of a sweep that was not interrupted. Nor does that one go
        # back to Sobol points from the model, however many trials fail then.
        seed = None if self._seed is None else design_seed(self._method, self._seed)
        n_initial = 0 if self._model_has_begun else self._n_initial
        strategy = ax_strategy(seed, n_initial, with_center=with_center)
        if self._method == Method.AUTO:
            make_cheaper(strategy, self._fits)
        return strategy

    def _is_valid(self, arm: Parameterization) -> bool:
        """Whether Ax's candidate is a new point that meets the constraints, after whole numbers were rounded."""
        if not self._problem.parameter_constraints and self._number_of_points is None:
            return True
        point = self._encoding.to_parameterization(arm)
        return key(point) not in self._proposed and self._points.is_allowed(point)

    def _untried(self, most: int) -> Sequence[Parameterization]:
        """The points that are left of a finite space; none where there are more."""
        left = (self._number_of_points or 0) - len(self._proposed)
        if not 0 < left <= most:
            return []
        return [point for point in allowed_points(self._problem) if key(point) not in self._proposed]

    def _scored_if_few(self, index: int) -> Candidate | None:
        """The best of the points that are left, if it is the model's turn and they are few."""
        if not self._has_model or not self._ax_index:
            return None
        points = self._untried(MOST_SCORED if self._problem.parameter_constraints else FEW_LEFT)
        return self._best(index, lambda: points) if points else None

    def _best(self, index: int, find: Callable[[], Sequence[Parameterization]]) -> Candidate | None:
        points: list[Parameterization] = []

        def find_arms() -> list[Parameterization]:
            points.extend(find())
            return [self._in_ax.aliased(self._encoding.to_arm(point)) for point in points]

        place = best_of(self._client, find_arms, self._seed)
        return None if place is None else self._propose(index, points[place], MODEL_NODE)

    @property
    def _has_model(self) -> bool:
        return self._method not in (Method.SOBOL, Method.RANDOM, Method.GRID)

    def _instead(self, index: int, error: Exception | None) -> Candidate:
        """Another point, because the model or another generator of Ax failed, or proposed a point that is not valid.

        Ax draws ten thousand points in vain, for seconds, before it says that it finds none: it is asked once.
        """
        is_finite = self._number_of_points is not None
        if self._has_model and self._ax_index and (is_finite or self._problem.parameter_constraints):
            try:
                with one_thread():
                    best = self._best(index, lambda: self._untried(MOST_SCORED) or self._drawn(DRAWN))
                    if best is not None:
                        return best
            except Exception as failure:
                error = error or failure
        is_model = ax_internals.strategy(self._client).current_node_name == MODEL_NODE
        if error is not None:
            self._warn(error, is_model)
            self._ax_draws_none = not is_model and bool(self._problem.parameter_constraints)
        candidate = self._ask_sobol(index) or self._ask_drawn(index)
        if not is_model or error is None:
            return candidate
        return dataclasses.replace(candidate, model_failed=self._in_ax.in_own_names(error_line(error)))

    def _warn(self, error: Exception, is_model: bool) -> None:
        if type(error) not in self._failures:  # each kind once
            what = "The model" if is_model else "Ax's generator"
            why = self._in_ax.in_own_names(error_line(error))
            log.warning("%s has no candidate (%s); it is a Sobol point while this is so", what, why)
            log.debug("Where it failed", exc_info=error)
        self._failures.add(type(error))

    def _ask_sobol(self, index: int) -> Candidate | None:
        """A Sobol point; None where Ax finds none that is valid."""
        if self._ax_draws_none:
            return None
        experiment = ax_internals.experiment(self._client)
        try:
            sobol = Generators.SOBOL(experiment=experiment, seed=self._seed, init_position=len(experiment.trials))
            (found,) = sobol.gen(1).arms
        except Exception as error:
            if not self._problem.parameter_constraints and self._number_of_points is None:
                raise
            log.debug("Ax has no Sobol point", exc_info=error)
            return None
        arm = self._in_ax.unaliased(found.parameters)
        return self._attach(index, arm, "Sobol") if self._is_valid(arm) else None

    def _ask_drawn(self, index: int) -> Candidate:
        """A random point that was not tried."""
        points = self._untried(MOST_SCORED)
        if points:
            points = [points[random.Random(self._draw_seed).randrange(len(points))]]
        if not (points := points or self._drawn(1)):
            raise RuntimeError(f"no point that meets the parameter constraints was found after {len(self._proposed)}")
        return self._propose(index, points[0], "Sobol" if self._has_model else self._method)

    def _drawn(self, number: int) -> list[Parameterization]:
        """Random points that were not tried; less than the number where they are hard to find."""
        generator, found = random.Random(self._draw_seed), dict[str, Parameterization]()
        for _ in range(number + MOST_DRAWS):
            point = self._points.draw(generator)
            if point is None:
                break
            if key(point) not in self._proposed:
                found[key(point)] = point
            if len(found) == number:
                break
        return list(found.values())

    @property
    def _draw_seed(self) -> str:
        """A resumed sweep draws the same."""
        return f"{self._seed} {len(self._proposed)}"

    def _propose(self, index: int, parameterization: Parameterization, node: str) -> Candidate:
        self._attach(index, self._encoding.to_arm(parameterization), node)
        self._proposed.add(key(parameterization))
        return Candidate(dict(parameterization), node)

    def _attach(self, index: int, arm: Parameterization, node: str = "") -> Candidate:
        self._ax_index[index] = self._client.attach_trial(self._in_ax.aliased(arm))
        return self._candidate(arm, node)

    def _candidate(self, arm: Parameterization, node: str) -> Candidate:
        parameterization = self._encoding.to_parameterization(arm)
        self._proposed.add(key(parameterization))
        return Candidate(parameterization, node, arm if self._encoding.lose_precision else None)

    def _node_of(self, ax_index: int) -> str:
        runs = ax_internals.experiment(self._client).trials[ax_index].generator_runs
        return str(ax_internals.node_name(runs[0])) if runs else ""


def _quiet_ax() -> None:
    """Silence Ax's warnings, which are for its callers, and its loggers.

    Each module of Ax has a logger with its own level and handler. Ax's own function for this would also silence our
    loggers, because their names begin with the same letters.
    """
    warnings.filterwarnings("ignore", module=r"(ax|botorch|gpytorch|linear_operator)(\.|$)")
    for name in list(logging.root.manager.loggerDict):
        if name == "ax" or name.startswith("ax."):
            logging.getLogger(name).setLevel(logging.ERROR)
