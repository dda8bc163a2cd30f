"""Refuses the problems that Ax would refuse, or at which it would fail, before the first job and without Ax.

The first jobs start before Ax is imported, so that its own refusal would come when trials have run. A test compares the
two over many odd spaces.
"""

import math

from ax_moo.optimizer.base import Method
from ax_moo.optimizer.encoding import EncodedParameter, SpaceEncoding
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.problem.constraints import PARAMETERS, ParameterConstraint, quoted_texts
from ax_moo.problem.coordinates import Coordinate
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Range
from ax_moo.system.errors import ConfigError

MOST_VALUES = 1000
FEWEST_NUMBERS = 1000
_LEAST_ROOM = 1e-13
_MOST_UNLIKE = 1e14
"""Ax's solver takes a point for infeasible if a term of the constraint is so many times as large as the others."""


def check_ax_takes(problem: Problem, method: Method) -> None:
    """Check that Ax, or the initial design, can search this problem's space.

    Raises:
        ConfigError: it cannot.
    """
    if method is Method.GRID:
        return  # looks at the values alone
    encoding = SpaceEncoding(problem)
    for parameter in problem.search_space.parameters:
        if isinstance(parameter, Range):
            _check_bounds(parameter)
    for axis in encoding.axes:
        _check_values(axis)
    if InitialDesign(problem, method, seed=0).is_all:
        return
    for axis in encoding.axes:
        _check_number_of_values(axis)
    for name, coordinate in encoding.narrow.items():
        _check_resolution(name, coordinate)
    bounds = {axis.name: axis.bounds for axis in encoding.axes if axis.bounds is not None}
    floats = {axis.name for axis in encoding.axes if axis.value_type == "float"}
    for position, encoded in enumerate(encoding.constraints):
        _check_constraint(_as_given(position, problem, encoded), encoded, bounds, floats)


def _as_given(position: int, problem: Problem, encoded: ParameterConstraint) -> str:
    """What the user wrote, of which this constraint on the axes is made."""
    given = problem.parameter_constraints
    if not problem.solution.has_equalities:
        return repr(given[position].text)
    computed = problem.solution.computed
    names = {*encoded.names, *(n for n, each in computed.items() if not each.weights.keys().isdisjoint(encoded.names))}
    return quoted_texts(each for each in given if not names.isdisjoint(each.names))


def _check_values(axis: EncodedParameter) -> None:
    if len(set(axis.values)) == 1 < len(axis.values):
        raise ConfigError(
            f"{axis.name}: the values of the choice are the same number in double precision"
            f" ({axis.values[0]!r}); give values that differ more, or texts"
        )


def _check_bounds(parameter: Range) -> None:
    name, lower, upper = parameter.name, parameter.lower, parameter.upper
    if not math.isfinite(float(upper) - float(lower)):
        raise ConfigError(
            f"{name}: the range from {lower} to {upper} is wider than a number can be; give closer bounds"
        )
    if float(lower) == float(upper):
        raise ConfigError(
            f"{name}: the bounds {lower} and {upper} are the same number in double precision;"
            " give bounds that differ more"
        )
    if parameter.log_scale and math.log10(lower) == math.log10(upper):
        raise ConfigError(
            f"{name}: the range from {lower} to {upper} has the same logarithm at both ends in double precision;"
            " leave log out, or give bounds that differ more"
        )


def _check_number_of_values(axis: EncodedParameter) -> None:
    if len(axis.values) > MOST_VALUES:
        raise ConfigError(
            f"{axis.name}: has {len(axis.values)} values, and Ax takes at most {MOST_VALUES} in a choice or a range"
            " with a step; give fewer values, or a range without a step, such as interval(LOWER, UPPER)"
        )


def _check_resolution(name: str, coordinate: Coordinate) -> None:
    lower, upper = map(float, coordinate.bounds)
    if upper - lower < FEWEST_NUMBERS * math.ulp(max(abs(lower), abs(upper))):
        what = "logarithms of the bounds" if coordinate.is_log else "bounds"
        raise ConfigError(
            f"{name}: there are fewer than {FEWEST_NUMBERS} numbers in double precision between the {what}, which"
            f" differ by {upper - lower:.3g}; give bounds that differ more"
        )


def _check_constraint(
    given: str,
    constraint: ParameterConstraint,
    bounds: dict[str, tuple[float, float]],
    floats: set[str],
) -> None:
    """Refuse a constraint that leaves floats one point, or whose terms differ so much that the small ones are lost."""
    sizes = [abs(weight) * (bounds[name][1] - bounds[name][0]) for name, weight in constraint.terms]
    least = sum(weight * bounds[name][0 if weight > 0 else 1] for name, weight in constraint.terms)
    room = constraint.bound - least
    if not all(map(math.isfinite, (*sizes, room))) or max(sizes) > _MOST_UNLIKE * max(abs(room), min(sizes)):
        raise ConfigError(
            f"{PARAMETERS}: {given}: over their ranges the terms differ too much in size for numbers in double"
            " precision; give closer bounds or weights"
        )
    if room <= _LEAST_ROOM * max(sizes) and floats.intersection(constraint.names):
        raise ConfigError(
            f"{PARAMETERS}: {given}: only one point of {', '.join(constraint.names)} meets the constraint, and"
            " Ax needs more; give the parameters these values, or loosen the constraint"
        )
