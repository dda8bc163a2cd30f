"""How the sweep is run: everything of ``hydra.sweeper`` that is not the problem, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_moo.problem import ParameterConstraint
from ax_moo.search_space import SearchSpace
from ax_moo.trial import ParameterValue

METHODS = ("auto", "fast", "sobol", "random", "grid")
PROGRESS = ("auto", "bar", "log", "none")


@dataclass(frozen=True)
class Settings:
    n_trials: int = 20
    n_jobs: int = 4
    timeout_hours: float | None = None
    method: str = "auto"
    n_initial: int | None = None
    initial: tuple[dict[str, ParameterValue], ...] = ()
    seed: int | None = None
    max_failure_rate: float = 0.5
    progress: str = "auto"

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        search_space: SearchSpace,
        parameter_constraints: Sequence[ParameterConstraint] = (),
    ) -> "Settings":
        raise NotImplementedError
