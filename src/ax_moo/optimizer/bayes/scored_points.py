"""The best of given points by the acquisition function of Ax's model, where Ax's own search for its maximum fails.

In a small constrained space of whole numbers Ax finds no points to start its search from, and where few points are left
it looks for a long time.
"""

import warnings
from collections.abc import Callable, Sequence

from ax_moo.optimizer.base import MODEL_NODE
from ax_moo.optimizer.bayes import ax_internals
from ax_moo.trial import Parameterization

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.adapter.torch import TorchAdapter
    from ax.api.client import Client
    from ax.core.observation import ObservationFeatures
    from ax.core.utils import extract_pending_observations
    from ax.utils.common.random import with_rng_seed


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
