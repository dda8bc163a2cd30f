"""The points of a search space that no trial has had: those that are left of a finite one, and random ones."""

import random
from collections.abc import Sequence

from ax_moo.optimizer.base import SearchSpaceExhausted
from ax_moo.optimizer.points.allowed import allowed_points, number_of_points
from ax_moo.optimizer.points.keys import key
from ax_moo.problem.problem import Problem
from ax_moo.trial import Parameterization

MOST_LEFT = 1000
"""Where a finite space has no more points left, they are listed; elsewhere points are drawn."""
MOST_DRAWS = 200
"""So many random points may be known before another one is taken to be beyond reach."""


class Untried:
    """It is told of each point that a trial has. What it draws depends on the seed and the number of these alone."""

    def __init__(self, problem: Problem, seed: int | None) -> None:
        self._problem = problem
        self._points = problem.points
        self._seed = seed
        self._number = number_of_points(problem)
        self._tried: set[str] = set()

    @property
    def is_limited(self) -> bool:
        """Whether a point of the ranges may be none of these: it breaks a constraint, or a trial has had it."""
        return self._number is not None or self.is_constrained

    @property
    def is_constrained(self) -> bool:
        return bool(self._problem.parameter_constraints)

    def check_any_left(self) -> None:
        """SearchSpaceExhausted if every point has been tried."""
        if len(self._tried) == self._number:
            raise SearchSpaceExhausted(f"all {self._number} points were tried")

    def remove(self, point: Parameterization) -> None:
        self._tried.add(key(point))

    def is_new(self, point: Parameterization) -> bool:
        return key(point) not in self._tried

    def has(self, point: Parameterization) -> bool:
        """Whether a point of the ranges is new and meets the constraints."""
        return self.is_new(point) and self._points.is_allowed(point)

    def next_of_the_grid(self) -> Parameterization:
        """The first point of the grid; SearchSpaceExhausted if there is none."""
        for point in allowed_points(self._problem):
            if self.is_new(point):
                return point
        raise SearchSpaceExhausted(f"the grid has {len(self._tried)} points, and every one was tried")

    def left(self, most: int = MOST_LEFT) -> Sequence[Parameterization]:
        """The points that are left of a finite space; none where there are more."""
        n_left = (self._number or 0) - len(self._tried)
        return list(filter(self.is_new, allowed_points(self._problem))) if 0 < n_left <= most else []

    def one(self) -> Parameterization:
        """A random point."""
        if points := self.left():
            return points[random.Random(self._draw_seed).randrange(len(points))]
        if not (drawn := self.drawn(1)):
            raise RuntimeError(f"no point that meets the parameter constraints was found after {len(self._tried)}")
        return drawn[0]

    def drawn(self, number: int) -> list[Parameterization]:
        """Random points; less than the number where they are hard to find."""
        generator, found = random.Random(self._draw_seed), dict[str, Parameterization]()
        for _ in range(number + MOST_DRAWS):
            point = self._points.draw(generator)
            if point is None:
                break
            if self.is_new(point):
                found[key(point)] = point
            if len(found) == number:
                break
        return list(found.values())

    @property
    def _draw_seed(self) -> str:
        """A resumed sweep draws the same."""
        return f"{self._seed} {len(self._tried)}"
