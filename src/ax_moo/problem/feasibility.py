"""Whether any point of the search space meets all parameter constraints."""

import math
from collections.abc import Sequence

from ax_moo.problem.constraints import PARAMETERS, ParameterConstraint
from ax_moo.search_space.space import Range, SearchSpace
from ax_moo.system.errors import ConfigError

_INFEASIBLE = 2


def check_joint_feasibility(constraints: Sequence[ParameterConstraint], space: SearchSpace) -> None:
    """Refuse constraints that no point of the space meets together, although a point meets each one alone."""
    if len(constraints) < 2:
        return
    ranges = {p.name: p for p in space.parameters if isinstance(p, Range)}
    constrained = [ranges[name] for name in sorted({name for constraint in constraints for name in constraint.names})]
    if _is_empty_of_numbers(constraints, constrained) or _is_empty_of_whole_numbers(constraints, constrained):
        raise ConfigError(f"{PARAMETERS}: no point of the search space meets all the constraints; loosen one of them")


def _is_empty_of_numbers(constraints: Sequence[ParameterConstraint], ranges: Sequence[Range]) -> bool:
    """Whether no point meets the constraints; one on log-scale parameters is linear in their logarithms."""
    from scipy.optimize import linprog

    logs = {each.name for each in ranges if each.log_scale}
    linear = [c.in_log10() if c.names[0] in logs else c for c in constraints]
    bounds = [(math.log10(r.lower), math.log10(r.upper)) if r.log_scale else (r.lower, r.upper) for r in ranges]
    limits = [c.bound for c in linear]
    return bool(linprog([0.0] * len(ranges), _weights(linear, ranges), limits, bounds=bounds).status == _INFEASIBLE)


def _is_empty_of_whole_numbers(constraints: Sequence[ParameterConstraint], ranges: Sequence[Range]) -> bool:
    """Whether no point meets the constraints whose int parameters are whole numbers; Ax would look for one for ever."""
    if not any(each.value_type == "int" for each in ranges):
        return False
    from scipy.optimize import Bounds, LinearConstraint, milp

    solution = milp(
        [0.0] * len(ranges),
        integrality=[each.value_type == "int" for each in ranges],
        bounds=Bounds([each.lower for each in ranges], [each.upper for each in ranges]),
        constraints=LinearConstraint(_weights(constraints, ranges), ub=[c.bound for c in constraints]),
        options={"time_limit": 2.0},
    )
    return bool(solution.status == _INFEASIBLE)


def _weights(constraints: Sequence[ParameterConstraint], ranges: Sequence[Range]) -> list[list[float]]:
    return [[dict(constraint.terms).get(each.name, 0.0) for each in ranges] for constraint in constraints]
