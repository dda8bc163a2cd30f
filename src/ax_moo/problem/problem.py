"""Problem: what a sweep optimises, which is objectives and constraints over a search space."""

import dataclasses
import hashlib
import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ax_moo.problem.constraints import (
    OUTCOMES,
    PARAMETERS,
    OutcomeConstraint,
    ParameterConstraint,
    as_written,
    written_otherwise,
)
from ax_moo.problem.equalities import Solution, solve
from ax_moo.problem.feasibility import check_has_room, check_joint_feasibility
from ax_moo.problem.feasible_points import FeasiblePoints
from ax_moo.problem.objectives import Objective, read_objectives
from ax_moo.search_space.parsing import resolved
from ax_moo.search_space.space import Parameter, Range, SearchSpace
from ax_moo.system.dataclass_records import from_record
from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import a_list, check

__all__ = ["Objective", "OutcomeConstraint", "ParameterConstraint", "Problem"]


@dataclass(frozen=True)
class Problem:
    """An optimization problem. Sweeps whose problems have the same hash may share their trials."""

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
        direction: Any = None,
    ) -> "Problem":
        """The arguments are the values of these keys of ``hydra.sweeper``.

        Raises:
            ConfigError: a value is wrong.
        """
        goals = read_objectives(resolved(objectives), resolved(direction))
        outcomes = [OutcomeConstraint.parse(text) for text in _lines(outcome_constraints, OUTCOMES)]
        _check_outcome_constraints(outcomes, goals)
        texts = _lines(parameter_constraints, PARAMETERS)
        constraints = [ParameterConstraint.parse(text, search_space.names) for text in texts]
        equated = {name for constraint in constraints if constraint.is_equality for name in constraint.names}
        for constraint, text in zip(constraints, texts, strict=True):
            _check_parameter_constraint(constraint, text, search_space, equated)
        check_joint_feasibility(constraints, search_space)
        problem = cls(search_space, goals, tuple(outcomes), tuple(constraints))
        # Where other parameters are searched, inequalities may leave a whole number one value.
        if problem.solution.has_equalities or set(search_space.searched) <= problem.solution.coordinates.keys():
            check_has_room(constraints, problem.solution, problem.points.only())
        return problem

    @property
    def hash(self) -> str:
        """The SHA-256 of the whole problem as canonical JSON; how a constraint is written has no part in it."""
        record = {key: value for key, value in self.to_dict().items() if key != "written"}
        canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @cached_property
    def solution(self) -> Solution:
        """The parameter constraints, solved for the parameters that are computed from the others."""
        return solve(self.parameter_constraints, self.search_space)

    @property
    def points(self) -> FeasiblePoints:
        return FeasiblePoints(self.search_space, self.parameter_constraints, self.solution)

    @property
    def is_multi_objective(self) -> bool:
        return len(self.objectives) > 1

    @property
    def thresholds_given(self) -> bool:
        return all(objective.threshold is not None for objective in self.objectives)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics that a trial must return: the objectives, then the metrics of the outcome constraints."""
        metrics = [constraint.metric for constraint in self.outcome_constraints]
        return tuple(dict.fromkeys([objective.name for objective in self.objectives] + metrics))

    @property
    def bounded_objectives(self) -> frozenset[str]:
        """The objectives that may not become too good: they have an outcome constraint against their direction."""
        return frozenset(o.name for o in self.objectives) & {each.metric for each in self.outcome_constraints}

    def to_dict(self) -> dict[str, Any]:
        """The problem as JSON can hold it; ``from_dict`` turns it back into an equal problem."""
        written = written_otherwise((*self.outcome_constraints, *self.parameter_constraints))
        return {
            "search_space": self.search_space.to_dict(),
            "objectives": [dataclasses.asdict(objective) for objective in self.objectives],
            "outcome_constraints": [
                {"metric": each.metric, "op": each.op, "bound": each.bound} for each in self.outcome_constraints
            ],
            "parameter_constraints": [
                {"terms": [list(term) for term in each.terms], "bound": each.bound}
                | ({"is_equality": True} if each.is_equality else {})
                for each in self.parameter_constraints
            ],
            **({"written": [list(pair) for pair in written.items()]} if written else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Problem":
        outcomes = [from_record(OutcomeConstraint, each) for each in data["outcome_constraints"]]
        constraints = [
            ParameterConstraint(
                tuple((name, weight) for name, weight in each["terms"]), each["bound"], each.get("is_equality", False)
            )
            for each in data["parameter_constraints"]
        ]
        written = dict(data.get("written", ()))
        return cls(
            SearchSpace.from_dict(data["search_space"]),
            tuple(from_record(Objective, each) for each in data["objectives"]),
            tuple(as_written(each, written) for each in outcomes),
            tuple(as_written(each, written) for each in constraints),
        )


def _lines(value: Any, key: str) -> Sequence[Any]:
    lines: Sequence[Any] = check(key, resolved(value), a_list("constraints, such as ['a <= 3']"))
    return lines


def _check_outcome_constraints(constraints: Sequence[OutcomeConstraint], objectives: Sequence[Objective]) -> None:
    seen: dict[tuple[str, str], OutcomeConstraint] = {}
    by_name = {objective.name: objective for objective in objectives}
    for constraint in constraints:
        metric = constraint.metric
        if objective := by_name.get(metric):
            _check_against_direction(constraint, objective, is_single=len(objectives) == 1)
        if (metric, constraint.op) in seen:
            raise ConfigError(f"{OUTCOMES}: {metric} has two {constraint.op} bounds; keep the tighter one")
        seen[metric, constraint.op] = constraint
        low, high = seen.get((metric, ">=")), seen.get((metric, "<="))
        if low and high and low.bound == high.bound:
            raise ConfigError(
                f"{OUTCOMES}: {low.text!r} and {high.text!r} leave {metric} one value, and Ax needs room between two"
                " bounds; change one of them"
            )
        if low and high and low.bound > high.bound:
            raise ConfigError(
                f"{OUTCOMES}: no value of {metric} meets both {low.text!r} and {high.text!r}; change one of them"
            )


def _check_against_direction(constraint: OutcomeConstraint, objective: Objective, is_single: bool) -> None:
    """Refuse a bound that a threshold says better, and one that leaves no value up to the threshold."""
    text, name, threshold = constraint.text, objective.name, objective.threshold
    if (constraint.op == "<=") == objective.minimize:
        remedy = (
            "leave the constraint out, because a single objective is improved without a bound"
            if is_single
            else f"give it a threshold: hydra.sweeper.objectives.{name}.threshold"
        )
        raise ConfigError(f"{OUTCOMES}: {text!r} constrains an objective; {remedy}")
    if threshold is None:
        return
    if constraint.bound >= threshold if objective.minimize else constraint.bound <= threshold:
        raise ConfigError(
            f"{OUTCOMES}: no value of {name} is better than its threshold, which is {threshold:.15g}, and meets"
            f" {text!r}; change one of them"
        )


def _check_parameter_constraint(
    constraint: ParameterConstraint, text: str, space: SearchSpace, equated: Container[str]
) -> None:
    by_name = {parameter.name: parameter for parameter in space.parameters}
    where = f"{PARAMETERS}: {text!r}"
    ranges = [_range(by_name[name], where, name in equated) for name in constraint.names]
    if not _can_hold(constraint, ranges):
        raise ConfigError(
            f"{where}: no point of the search space ({_box(ranges)}) meets the constraint; loosen the constraint or"
            " widen the bounds"
        )
    logs = [each.name for each in ranges if each.log_scale]
    if logs and not (len(logs) == len(ranges) and constraint.has_log10_form):
        raise ConfigError(
            f"{where}: {', '.join(logs)} {'is' if len(logs) == 1 else 'are'} searched on a log scale; such a constraint"
            f" must be an order of two log-scale parameters, such as '{logs[0]} <= 2*OTHER', or a bound above 0 on one;"
            " change the constraint, or leave log out of its parameters"
        )


def _can_hold(constraint: ParameterConstraint, ranges: Sequence[Range]) -> bool:
    """Whether the constraint holds for numbers within the bounds."""
    ends = list(zip(ranges, constraint.terms, strict=True))
    least = {each.name: each.lower if weight > 0 else each.upper for each, (_, weight) in ends}
    most = {each.name: each.upper if weight > 0 else each.lower for each, (_, weight) in ends}
    at_most = dataclasses.replace(constraint, is_equality=False)
    negative = tuple((name, -weight) for name, weight in constraint.terms)
    at_least = ParameterConstraint(negative, -constraint.bound)
    return at_most.holds(least) and (not constraint.is_equality or at_least.holds(most))


def _range(parameter: Parameter, where: str, is_equated: bool) -> Range:
    if isinstance(parameter, Range) and (parameter.step is None or is_equated):
        return parameter
    kind = "range with a step" if isinstance(parameter, Range) else f"{type(parameter).__name__.lower()} parameter"
    raise ConfigError(
        f"{where}: a constrained parameter must be a range without a step, but {parameter.name} is a {kind}; make it a"
        f" range, such as {parameter.name}=interval(LOWER, UPPER) or int(interval(LOWER, UPPER)), or leave it out of"
        " the constraint"
    )


def _box(ranges: Sequence[Range]) -> str:
    return ", ".join(f"{each.lower} <= {each.name} <= {each.upper}" for each in ranges)
