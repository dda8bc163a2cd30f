"""Which generation strategy Ax's client has at which point of a sweep."""

import warnings

from ax_moo.optimizer.base import MODEL_NODE, Method
from ax_moo.optimizer.bayes import ax_internals
from ax_moo.optimizer.bayes.ax_strategy import analysis_strategy, ax_strategy, baseline_strategy, make_cheaper
from ax_moo.optimizer.bayes.scheduled_fits import ScheduledFits
from ax_moo.optimizer.first_points.initial_design import design_seed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.api.client import Client
    from ax.generation_strategy.generation_strategy import GenerationStrategy


class SweepStrategy:
    """The client's strategy: that of the sweep's method, or the one for analyses.

    ``model_has_begun`` is set when the sweep has a trial that the model has proposed.
    """

    def __init__(self, client: Client, method: str, seed: int | None, n_initial: int | None) -> None:
        self._client = client
        self._seed = seed
        self._n_initial = n_initial
        self._is_set = False
        self.method = method
        self.model_has_begun = False
        self.fits = ScheduledFits(client, seed)

    @property
    def has_model(self) -> bool:
        return self.method not in (Method.SOBOL, Method.RANDOM, Method.GRID)

    @property
    def is_at_the_model(self) -> bool:
        return bool(ax_internals.strategy(self._client).current_node_name == MODEL_NODE)

    def set_for_candidates(self, *, is_first: bool) -> None:
        """Let Ax propose by the sweep's method; the sweep's first candidate is the centre."""
        if not self._is_set:
            self._client.set_generation_strategy(self._of_the_method(with_center=is_first))
            # After the centre a sweep goes on with the strategy with which a resumed one begins: with n_initial=1 only
            # that one has Sobol points until a model has data.
            self._is_set = not is_first

    def set_for_analyses(self) -> None:
        """Let Ax have a model of all data."""
        self._client.set_generation_strategy(analysis_strategy())
        self._is_set = False

    def fit(self) -> None:
        """Fit the current node's model, if it has one."""
        ax_internals.strategy(self._client).fit(ax_internals.experiment(self._client))

    def _of_the_method(self, with_center: bool) -> GenerationStrategy:
        if self.method in (Method.SOBOL, Method.RANDOM):
            return baseline_strategy(self.method, self._seed)
        # Only the first candidate of a sweep is the centre. Without this, a replayed strategy would begin with the
        # centre node, and lag one node behind the strategy of a sweep that was not interrupted. Nor does that one go
        # back to Sobol points from the model, however many trials fail then.
        seed = None if self._seed is None else design_seed(self.method, self._seed)
        n_initial = 0 if self.model_has_begun else self._n_initial
        strategy = ax_strategy(seed, n_initial, with_center=with_center)
        if self.method == Method.AUTO:
            make_cheaper(strategy, self.fits)
        return strategy
