"""Refuses the problems that Ax would refuse, or at which it would fail, before the first job and without Ax.

The first jobs start before Ax is imported, so that its own refusal would come when trials have run. A test compares the
two over many odd spaces.
"""

import math

from ax_moo.optimizer.base import Method
from ax_moo.optimizer.encoding import EncodedParameter, SpaceEncoding
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.problem.constraints import PARAMETERS, ParameterConstraint
from ax_moo.problem.problem import Problem
from ax_moo.system.errors import ConfigError

LEAST_WIDTH = 100 * 1.5e-7
MOST_VALUES = 1000
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
    for axis in encoding.axes:
        _check_numbers(axis)
    if InitialDesign(problem, method, seed=0).is_all:
        return
    for axis in encoding.axes:
        _check_size(axis, is_logarithm=axis.name in encoding.logarithms)
    bounds = {axis.name: axis.bounds for axis in encoding.axes if axis.bounds is not None}
    floats = {axis.name for axis in encoding.axes if axis.value_type == "float"}
    for given, constraint in zip(problem.parameter_constraints, encoding.constraints, strict=True):
        _check_constraint(given, constraint, bounds, floats)


def _check_numbers(axis: EncodedParameter) -> None:
    if axis.bounds is None:
        if len(set(axis.values)) == 1 < len(axis.values):
            raise ConfigError(
                f"{axis.name}: the values of the choice are the same number in double precision"
                f" ({axis.values[0]!r}); give values that differ more, or texts"
            )
        return
    lower, upper = axis.bounds
    if not math.isfinite(float(upper) - float(lower)):
        raise ConfigError(
            f"{axis.name}: the range from {lower} to {upper} is wider than a number can be; give closer bounds"
        )
    if axis.log_scale and math.log10(lower) == math.log10(upper):
        raise ConfigError(
            f"{axis.name}: the range from {lower} to {upper} has the same logarithm at both ends in double precision;"
            " leave log out, or give bounds that differ more"
        )


def _check_size(axis: EncodedParameter, is_logarithm: bool) -> None:
    if axis.bounds is None:
        if len(axis.values) > MOST_VALUES:
            raise ConfigError(
                f"{axis.name}: has {len(axis.values)} values, and Ax takes at most {MOST_VALUES} in a choice or a range"
                " with a step; give fewer values, or a range without a step, such as interval(LOWER, UPPER)"
            )
        return
    width = axis.bounds[1] - axis.bounds[0]
    if width < LEAST_WIDTH:
        what = "the logarithms of the bounds differ by" if is_logarithm else "the range has a width of"
        raise ConfigError(
            f"{axis.name}: {what} {width:.3g}, and Ax needs at least {LEAST_WIDTH:.3g}; search it in other units, such"
            " as its multiple, and let the application convert it"
        )


def _check_constraint(
    given: ParameterConstraint,
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
            f"{PARAMETERS}: {given.text!r}: over their ranges the terms differ too much in size for numbers in double"
            " precision; give closer bounds or weights"
        )
    if room <= _LEAST_ROOM * max(sizes) and floats.intersection(constraint.names):
        raise ConfigError(
            f"{PARAMETERS}: {given.text!r}: only one point of {', '.join(constraint.names)} meets the constraint, and"
            " Ax needs more; give the parameters these values, or loosen the constraint"
        )
