"""Ax's own Client with its defaults, behind the same ask and tell as our optimizer, for comparison with it."""

import warnings
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Choice, Range

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.api.client import Client
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig


class BareClient:
    """What a program writes that uses Ax directly: the default strategy, and one trial for each call."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self.client = Client(random_seed=seed)
        self.client.configure_experiment([_parameter(each) for each in problem.search_space.parameters])
        signs = [("-" if each.minimize else "") + each.name for each in problem.objectives]
        bounds = [f"{o.name} {'<=' if o.minimize else '>='} {o.threshold}" for o in problem.objectives]
        self.client.configure_optimization(", ".join(signs), bounds)
        self._ax_index: dict[int, int] = {}

    def ask(self, index: int) -> dict[str, Any]:
        ((self._ax_index[index], point),) = self.client.get_next_trials(1).items()
        return dict(point)

    def attach(self, index: int, point: dict[str, Any]) -> None:
        self._ax_index[index] = self.client.attach_trial(point)

    def tell(self, index: int, outcome: dict[str, float] | None) -> None:
        if outcome is None:
            self.client.mark_trial_abandoned(self._ax_index[index])
        else:
            self.client.complete_trial(self._ax_index[index], outcome)


def _parameter(parameter: Any) -> RangeParameterConfig | ChoiceParameterConfig:
    if isinstance(parameter, Range):
        scaling = "log" if parameter.log_scale else "linear"
        bounds = (parameter.lower, parameter.upper)
        return RangeParameterConfig(parameter.name, bounds, parameter.value_type, scaling=scaling)
    assert isinstance(parameter, Choice)
    return ChoiceParameterConfig(parameter.name, list(parameter.values), "int", is_ordered=parameter.is_ordered)
