"""The points of a finite space that meet its parameter constraints, without a look at those that cannot."""

from collections.abc import Iterator

from ax_moo.problem.feasible_points import MOST_COUNTED
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Range
from ax_moo.trial import Parameterization


def allowed_points(problem: Problem) -> Iterator[Parameterization]:
    """Every point that meets the constraints; the first parameter changes slowest.

    Values for which no others meet a constraint are passed over, so that a range of a thousand million whole numbers is
    not gone through in search of a point. ConfigError if the space is not finite.
    """
    return problem.points.all() if problem.parameter_constraints else problem.search_space.grid()


def number_of_points(problem: Problem) -> int | None:
    """The number of parameterizations; None if there are infinitely many, or too many to count."""
    if problem.parameter_constraints:
        return problem.points.number()
    space = problem.search_space
    if not all(p.is_finite for p in space.parameters if isinstance(p, Range)) or space.grid_size() > MOST_COUNTED:
        return None
    return space.grid_size()
