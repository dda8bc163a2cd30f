"""What the sweep is after: objectives and constraints over a search space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_moo.constraints import OutcomeConstraint, ParameterConstraint
from ax_moo.search_space import SearchSpace

__all__ = ["Objective", "OutcomeConstraint", "ParameterConstraint", "Problem"]


@dataclass(frozen=True)
class Objective:
    """``threshold`` is the objective's coordinate of the reference point: worse values are of no interest."""

    name: str
    minimize: bool
    threshold: float | None = None


@dataclass(frozen=True)
class Problem:
    search_space: SearchSpace
    objectives: tuple[Objective, ...]
    outcome_constraints: tuple[OutcomeConstraint, ...] = ()
    parameter_constraints: tuple[ParameterConstraint, ...] = ()

    @classmethod
    def from_config(
        cls,
        search_space: SearchSpace,
        objectives: Mapping[str, Any],
        outcome_constraints: Sequence[str],
        parameter_constraints: Sequence[str],
    ) -> "Problem":
        raise NotImplementedError

    @property
    def hash(self) -> str:
        raise NotImplementedError

    @property
    def is_multi_objective(self) -> bool:
        return len(self.objectives) > 1

    @property
    def thresholds_given(self) -> bool:
        return all(objective.threshold is not None for objective in self.objectives)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Objectives, then the metrics of outcome constraints: all that a trial has to return."""
        metrics = [constraint.metric for constraint in self.outcome_constraints]
        return tuple(dict.fromkeys([objective.name for objective in self.objectives] + metrics))

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Problem":
        raise NotImplementedError
