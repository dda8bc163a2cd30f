"""The best of given points by the acquisition function of Ax's model, where Ax's own search for its maximum fails.

In a small constrained space of whole numbers Ax finds no points to start its search from, and where few points are left
it looks for a long time.
"""

import warnings
from collections.abc import Callable, Sequence

from ax_moo.optimizer.base import MODEL_NODE, Candidate
from ax_moo.optimizer.bayes import ax_internals
from ax_moo.optimizer.bayes.ax_problem import AxProblem
from ax_moo.optimizer.bayes.ax_trials import AxTrials
from ax_moo.optimizer.points.untried import MOST_LEFT, Untried
from ax_moo.trial import Parameterization

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.adapter.torch import TorchAdapter
    from ax.api.client import Client
    from ax.core.observation import ObservationFeatures
    from ax.core.utils import extract_pending_observations
    from ax.utils.common.random import with_rng_seed

FEW_LEFT = 50
"""Where any finite space has no more points left, the model scores all of them."""
DRAWN = 64
"""So many random points are scored where Ax finds none in a space with constraints."""


class ScoredPoints:
    """Candidates from the points that no trial has had; without a model there are none."""

    def __init__(
        self, client: Client, in_ax: AxProblem, untried: Untried, trials: AxTrials, has_model: bool, seed: int | None
    ) -> None:
        self._client = client
        self._in_ax = in_ax
        self._untried = untried
        self._trials = trials
        self._has_model = has_model
        self._seed = seed

    def best_of_few(self, index: int) -> Candidate | None:
        """The best of the points that are left, if it is the model's turn and they are few."""
        if not self._has_model or not self._trials:
            return None
        points = self._untried.left(MOST_LEFT if self._untried.is_constrained else FEW_LEFT)
        return self._best(index, lambda: points) if points else None

    def best_of_many(self, index: int) -> Candidate | None:
        """The best of the points that are left, or of random ones, if it is the model's turn."""
        if not self._has_model or not self._trials or not self._untried.is_limited:
            return None
        return self._best(index, lambda: self._untried.left() or self._untried.drawn(DRAWN))

    def _best(self, index: int, find: Callable[[], Sequence[Parameterization]]) -> Candidate | None:
        points: list[Parameterization] = []

        def find_arms() -> list[Parameterization]:
            points.extend(find())
            return [self._in_ax.aliased(self._in_ax.encoding.to_arm(point)) for point in points]

        place = best_of(self._client, find_arms, self._seed)
        return None if place is None else self._trials.add(index, points[place], MODEL_NODE)


def best_of(client: Client, find_arms: Callable[[], Sequence[Parameterization]], seed: int | None) -> int | None:
    """Which of the arms, in Ax's names, the model would propose; None if there are none.

    They are looked for, which can take seconds, only if it is the model's turn; None if it is not.
    """
    experiment, strategy = ax_internals.experiment(client), ax_internals.strategy(client)
    with with_rng_seed(seed):
        adapter = strategy.fit(experiment)
        if strategy.current_node_name != MODEL_NODE or not isinstance(adapter, TorchAdapter):
            return None
        if not (arms := find_arms()):
            return None
        values = adapter.evaluate_acquisition_function(
            [ObservationFeatures(dict(arm)) for arm in arms],
            pending_observations=extract_pending_observations(experiment=experiment) or {},
        )
    return max(range(len(values)), key=values.__getitem__)
