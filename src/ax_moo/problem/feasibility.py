"""Whether the parameter constraints leave anything to search."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from ax_moo.problem.constraints import PARAMETERS, ParameterConstraint, quoted_texts
from ax_moo.problem.coordinates import Coordinate, Row, row_of
from ax_moo.problem.equalities import INFEASIBLE, Solution, constrained_coordinates, is_infeasible
from ax_moo.search_space.space import SearchSpace
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Parameterization

Constraints = Sequence[ParameterConstraint]


def check_joint_feasibility(constraints: Constraints, space: SearchSpace) -> None:
    """Refuse constraints that no point of the space meets together, although a point meets each one alone."""
    if len(constraints) < 2 and not any(constraint.is_equality for constraint in constraints):
        return
    for is_empty in (_is_empty_of_numbers, _is_empty_of_whole_numbers):
        if is_empty(constraints, space):
            raise _no_point(_needed(constraints, space, is_empty))


def check_has_room(constraints: Constraints, solution: Solution, only_point: Parameterization | None) -> None:
    """Refuse constraints that leave their parameters one value each; ``only_point`` is that of a finite space."""
    fixed = {name for name, each in solution.computed.items() if not each.weights}
    found = [constraint for constraint in constraints if fixed.issuperset(constraint.names)]
    if only_point is not None:
        found = list(constraints)
    if not found:
        return
    names = list(dict.fromkeys(name for constraint in found for name in constraint.names))
    if only_point is None:
        values = {name: solution.coordinates[name].value(solution.computed[name].constant) for name in names}
    else:
        values = dict(only_point)
    point = " ".join(f"{name}={values[name]:.12g}" for name in names)
    one = len(found) == 1
    raise ConfigError(
        f"{PARAMETERS}: only one point ({point}) meets the constraint{'' if one else 's'} {quoted_texts(found)}; give"
        f" the parameters these values, or loosen {'the constraint' if one else 'one of them'}"
    )


def _no_point(needed: Constraints) -> ConfigError:
    nothing, texts = f"{PARAMETERS}: no point of the search space meets", quoted_texts(needed)
    if len(needed) == 1:
        return ConfigError(f"{nothing} the constraint {texts}; change it, or the values of its parameters")
    return ConfigError(f"{nothing} all the constraints {texts}; loosen one of them")


def _needed(
    constraints: Constraints, space: SearchSpace, is_empty: Callable[[Constraints, SearchSpace], bool]
) -> Constraints:
    """The constraints without those that have no part in it that no point meets all."""
    needed = list(constraints)
    for constraint in constraints:
        rest = [each for each in needed if each is not constraint]
        if rest and is_empty(rest, space):
            needed = rest
    return needed


def _is_empty_of_numbers(constraints: Constraints, space: SearchSpace) -> bool:
    """Whether no point meets the constraints; one on log-scale parameters is linear in their logarithms."""
    coordinates = constrained_coordinates(constraints, space)
    return is_infeasible([row_of(constraint, coordinates) for constraint in constraints], coordinates)


def _is_empty_of_whole_numbers(constraints: Constraints, space: SearchSpace) -> bool:
    """Whether no point meets the constraints whose int parameters are whole numbers; Ax would look for one for ever."""
    logs = constrained_coordinates(constraints, space)
    # An order and a bound are linear in the values of log-scale parameters, too.
    coordinates = {n: Coordinate(dataclasses.replace(each.range, log_scale=False)) for n, each in logs.items()}
    if not any(each.is_whole for each in coordinates.values()):
        return False
    rows = [row_of(constraint, coordinates) for constraint in constraints]
    if any(row.is_equality and _has_no_whole_solution(row, coordinates) for row in rows):
        return True
    from scipy.optimize import Bounds, LinearConstraint, milp

    names = list(coordinates)
    solved = milp(
        [0.0] * len(names),
        integrality=[coordinates[name].is_whole for name in names],
        bounds=Bounds(*(([float(coordinates[name].bounds[end]) for name in names]) for end in (0, 1))),
        constraints=LinearConstraint(
            [[float(row.weights.get(name, 0)) for name in names] for row in rows],
            lb=[float(row.bound) if row.is_equality else -math.inf for row in rows],
            ub=[float(row.bound) for row in rows],
        ),
        options={"time_limit": 2.0},
    )
    return bool(solved.status == INFEASIBLE)


def _has_no_whole_solution(row: Row, coordinates: dict[str, Coordinate]) -> bool:
    """Whether a sum of whole numbers cannot be the bound, because all its weights have another common divisor."""
    if not all(coordinates[name].is_whole for name in row.weights):
        return False
    common = math.lcm(*(weight.denominator for weight in row.weights.values()))
    divisor = Fraction(math.gcd(*(int(weight * common) for weight in row.weights.values())), common)
    return (row.bound / divisor).denominator != 1
