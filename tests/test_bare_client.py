"""``method=fast`` is Ax's own choice of candidates, and nothing else."""

import warnings
from collections.abc import Mapping
from typing import Any

import pytest
from asynchronous import Ours, play
from fakes import TWO_OBJECTIVES, problem

from ax_moo.optimizer.base import Method
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.bayes.one_thread import one_thread
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.trial import Outcome, Parameterization, Trial

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

pytestmark = [pytest.mark.hydra_free, pytest.mark.filterwarnings("ignore")]  # Ax warns its callers of its own use

SPACE = ("x=interval(0, 1)", "h=tag(log, interval(4, 64))")
SEED = 7
FAILING = 6
N_TRIALS = 12


class BareClient:
    """What a program does that uses Ax without this project: the default generation strategy and a seed, one trial for
    each call of ``get_next_trials``, ``complete_trial`` in the order of the completions, and ``mark_trial_abandoned``
    for a failed trial. Like ours, it has one thread and no compiled kernel, because both change the last bits.
    """

    def __init__(self, seed: int = SEED) -> None:
        self._client = Client(random_seed=seed)
        self._client.configure_experiment(
            [
                RangeParameterConfig("x", (0, 1), "float"),
                RangeParameterConfig("h", (4, 64), "float", scaling="log"),
            ]
        )
        self._client.configure_optimization("f, -g", ["f >= 0.0", "g <= 1.0"])
        self._ax_index: dict[int, int] = {}

    def ask(self, index: int) -> Parameterization:
        with one_thread():
            ((self._ax_index[index], point),) = self._client.get_next_trials(1).items()
        return dict(point)

    def tell(self, index: int, outcome: Outcome | None) -> None:
        if outcome is None:
            self._client.mark_trial_abandoned(self._ax_index[index])
        else:
            self._client.complete_trial(self._ax_index[index], outcome)


def _evaluate(point: Mapping[str, Any]) -> Outcome:
    return {"f": 1 - (point["x"] - 0.3) ** 2 - 4 / point["h"], "g": point["h"] / 64 + point["x"] / 4}


@pytest.mark.parametrize("seed", [0, SEED, 2**31 - 1])
def test_the_first_points_of_fast_come_without_ax_and_are_those_of_a_bare_client(seed: int) -> None:
    design = InitialDesign(problem(*SPACE, objectives=TWO_OBJECTIVES), Method.FAST, seed)
    bare = BareClient(seed)
    for index in range(5):
        candidate = design.ask()
        assert candidate is not None
        assert candidate.parameterization == bare.ask(index)
        design.accept(Trial(index, candidate.parameterization))


@pytest.mark.slow  # fits of a model for half a minute of CPU
def test_fast_proposes_what_a_bare_client_of_ax_proposes_one_by_one_also_after_a_resume() -> None:
    two = problem(*SPACE, objectives=TWO_OBJECTIVES)
    ours = Ours(AxOptimizer(two, method="fast", seed=SEED))
    bare = play(BareClient(), _evaluate, N_TRIALS, FAILING)
    assert play(ours, _evaluate, N_TRIALS, FAILING) == bare
    for index in (FAILING + 1, N_TRIALS - 1):
        resumed = AxOptimizer(two, method="fast", seed=SEED)
        resumed.replay(ours.journals[index])
        candidate = resumed.ask(index)
        assert candidate is not None
        assert candidate.parameterization == bare[index]
