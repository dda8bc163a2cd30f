"""Points of a search space that need no Ax: how they are told apart, how many there are, and those of a grid."""

import json
from collections.abc import Container

from ax_moo.optimizer.base import SearchSpaceExhausted
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Range
from ax_moo.trial import Parameterization

_MOST_COUNTED = 100_000


def key(point: Parameterization) -> str:
    """A text that is the same for equal points."""
    return json.dumps(point, sort_keys=True)


def number_of_points(problem: Problem) -> int | None:
    """The number of parameterizations; None if there are infinitely many, or too many to count."""
    space = problem.search_space
    if not all(p.is_finite for p in space.parameters if isinstance(p, Range)) or space.grid_size() > _MOST_COUNTED:
        return None
    if not problem.parameter_constraints:
        return space.grid_size()
    return sum(all(c.holds(point) for c in problem.parameter_constraints) for point in space.grid())


def grid_point(problem: Problem, proposed: Container[str], n_proposed: int) -> Parameterization:
    """The first point of the grid that was not proposed; ``proposed`` are the keys of the points that were."""
    for point in problem.search_space.grid():
        if all(c.holds(point) for c in problem.parameter_constraints) and key(point) not in proposed:
            return point
    raise SearchSpaceExhausted(f"the grid has {n_proposed} points, and every one was tried")
