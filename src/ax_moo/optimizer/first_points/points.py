"""Points of a search space that need no Ax: how they are told apart, how many there are, and those of a grid."""

import json
from collections.abc import Container

from ax_moo.optimizer.base import SearchSpaceExhausted
from ax_moo.optimizer.first_points.allowed import allowed_points
from ax_moo.problem.feasible_points import MOST_COUNTED
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Range
from ax_moo.trial import Parameterization


def key(point: Parameterization) -> str:
    """A text that is the same for equal points."""
    return json.dumps(point, sort_keys=True)


def number_of_points(problem: Problem) -> int | None:
    """The number of parameterizations; None if there are infinitely many, or too many to count."""
    if problem.parameter_constraints:
        return problem.points.number()
    space = problem.search_space
    if not all(p.is_finite for p in space.parameters if isinstance(p, Range)) or space.grid_size() > MOST_COUNTED:
        return None
    return space.grid_size()


def grid_point(problem: Problem, proposed: Container[str], n_proposed: int) -> Parameterization:
    """The first point of the grid that was not proposed; ``proposed`` are the keys of the points that were."""
    for point in allowed_points(problem):
        if key(point) not in proposed:
            return point
    raise SearchSpaceExhausted(f"the grid has {n_proposed} points, and every one was tried")
