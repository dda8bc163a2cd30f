"""The model's hyperparameters, which are fitted at scheduled numbers of results, and not for every candidate.

Between two fits the model takes every new result into account, under the hyperparameters of the last fit: this costs
one matrix decomposition in place of a hundred. A fit begins anew from Ax's own starting values, with the first results
in the order in which they were told, and nothing else. So a resumed sweep, which repeats the last fit only, has exactly
the model of a sweep that was not interrupted.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ax_moo.optimizer.bayes import ax_internals
from ax_moo.system.text import error_line

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.adapter.registry import Generators
    from ax.api.client import Client
    from ax.generation_strategy.generator_spec import GeneratorSpec
    from ax.generators.torch.botorch_modular.surrogate import Surrogate
    from ax.utils.common.random import with_rng_seed

log = logging.getLogger(__name__)

ALWAYS_UNTIL = 10
GROWTH = 5

State = Mapping[str, Any]


def scheduled_fit(results: int) -> int:
    """With how many of these results the hyperparameters are fitted: with all up to ten, then at each fifth more."""
    fitted = min(results, ALWAYS_UNTIL)
    while (following := fitted + max(1, fitted // GROWTH)) <= results:
        fitted = following
    return fitted


class ScheduledFits:
    """The hyperparameters for the results that the client was told, fitted when they are first needed."""

    def __init__(self, client: Client, seed: int | None) -> None:
        self._client = client
        self._seed = seed
        self._told: list[int] = []
        self._fitted_with = 0
        self._hyperparameters: State | None = None
        self._model: dict[str, Any] = {}

    def told(self, ax_index: int) -> None:
        """The client was told the outcome of this trial of Ax."""
        self._told.append(ax_index)

    def use_in(self, spec: GeneratorSpec) -> None:
        """Let the model of a generation strategy have these hyperparameters."""
        self._model = dict(spec.generator_kwargs)
        surrogate = ScheduledSurrogate(self, surrogate_spec=spec.generator_kwargs.pop("surrogate_spec"))
        spec.generator_kwargs["surrogate"] = surrogate

    def hyperparameters(self) -> State | None:
        """The state of the last scheduled fit; None if that fit failed, as it can for numerical reasons."""
        results = scheduled_fit(len(self._told))
        if results != self._fitted_with:
            self._hyperparameters = self._fit(self._told[:results])
            self._fitted_with = results
        return self._hyperparameters

    def _fit(self, told: Sequence[int]) -> State | None:
        experiment = ax_internals.experiment(self._client)
        spec = GeneratorSpec(Generators.BOTORCH_MODULAR, generator_kwargs=self._model)
        try:
            with with_rng_seed(self._seed):
                spec.fit(experiment=experiment, data=experiment.lookup_data(trial_indices=told))
        except Exception as error:
            log.debug("The fit with %d results failed (%s)", len(told), error_line(error))
            return None
        state: State = spec.fitted_adapter.generator.surrogate.model.state_dict()
        return state


class ScheduledSurrogate(Surrogate):
    """Ax's model of the outcomes, which is given its hyperparameters."""

    def __init__(self, fits: ScheduledFits, **options: Any) -> None:
        super().__init__(**options)
        self._fits = fits

    def fit(self, datasets: Any, search_space_digest: Any, **options: Any) -> None:
        """As Ax calls it, without a state, this would fit the hyperparameters to all results."""
        if options.get("state_dict") is None and (state := self._fits.hyperparameters()) is not None:
            options |= {"state_dict": state, "refit": False}
        super().fit(datasets, search_space_digest, **options)
