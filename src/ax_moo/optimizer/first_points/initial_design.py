"""The candidates that need no Ax: initial points, the centre of the space, Sobol and random points, and a grid.

They are there before Ax is imported, which takes seconds. Without parameter constraints they are those that Ax would
propose. With them Ax's samplers remember what they have drawn in vain, and round whole numbers in the order of a set:
another process, and a resumed sweep, would get other points.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

from ax_moo.optimizer.base import Candidate, Method, is_after_the_design
from ax_moo.optimizer.encoding import SpaceEncoding
from ax_moo.optimizer.first_points.axis_coordinates import coordinates
from ax_moo.optimizer.first_points.sobol import MOST_DIMENSIONS, sobol
from ax_moo.optimizer.points.allowed import allowed_points
from ax_moo.optimizer.points.keys import key
from ax_moo.optimizer.points.untried import Untried
from ax_moo.problem.centre import constrained_centre
from ax_moo.problem.problem import Problem
from ax_moo.trial import Parameterization, Trial, TrialStatus

N_INITIAL = 5
"""Ax's own number of trials before the model."""

YOUNG_SECONDS = 6.0
"""Until Ax is imported, which takes about this long, results that come in meet no model."""

_MOST_DRAWS = 10_000
"""So many draws, and one for each point that is known, may be in vain before Ax looks for a point in its own way."""
_MOST_IN_VAIN = 1000
"""After so many draws in a row that break a constraint, points are drawn from the constraints themselves."""


class InitialDesign:
    """Proposes what Ax would propose, as long as that depends on no result.

    With a model these are the first ``n_initial`` trials, failed ones not counted, and more Sobol points until half as
    many have completed. After the model's first candidate there are none, whatever fails then. Whether a candidate is
    one of these depends only on the trials and results that are known, never on when Ax is ready. So a resumed sweep
    proposes the same.

    ``n_trials`` lets method auto go on, with up to a quarter of these trials, as long as the last result is from the
    sweep's first six seconds: slots of very short trials would wait for the import of Ax longer than a trial takes.
    """

    def __init__(
        self,
        problem: Problem,
        method: Method,
        seed: int,
        n_initial: int | None = None,
        initial: Sequence[Parameterization] = (),
        n_trials: int = 0,
    ) -> None:
        self._most_while_young = n_trials // 4 if method is Method.AUTO and n_initial is None else 0
        self._begun, self._last_result = math.inf, 0.0
        self._problem = problem
        self._method = method
        self._initial = list(initial)
        self._n_initial = N_INITIAL if n_initial is None else n_initial
        self._encoding = SpaceEncoding(problem)
        self._axes = {axis.name: coordinates(axis) for axis in self._encoding.axes}
        self._points = self._unit_points(design_seed(method, seed)) if self._can_draw else iter(())
        self._untried = Untried(problem, seed)
        self._arms: set[str] = set()
        self._n_in_vain = 0
        self._n_left = self._n_completed = 0
        self._model_has_begun = False
        self._grid = allowed_points(problem) if method is Method.GRID else iter(())

    @property
    def _dimensions(self) -> int:
        return sum(axis.dimensions for axis in self._axes.values())

    @property
    def _can_draw(self) -> bool:
        """Whether the points can be computed here; those of ``fast`` are always Ax's own."""
        is_axs_own = self._method is Method.FAST and bool(self._problem.parameter_constraints)
        return not is_axs_own and 0 < self._dimensions <= MOST_DIMENSIONS

    @property
    def is_all(self) -> bool:
        """Whether no candidate of the sweep needs Ax."""
        return self._method is Method.GRID or (not self._method.has_model and self._can_draw)

    def lasts_for(self, n_trials: int) -> bool:
        """Whether so many trials need no Ax, if none of them fails."""
        return self.is_all or (self._can_draw and n_trials <= self._n_initial)

    def replay(self, trials: Iterable[Trial]) -> None:
        """Take note of the trials of earlier runs, in their last states."""
        for trial in trials:
            self.accept(trial)
            if trial.status.is_finished:
                self.tell(trial)

    def accept(self, trial: Trial) -> None:
        """Take note of a trial, whoever has proposed it."""
        if self._untried.is_new(trial.parameterization):
            self._note(trial.parameterization, trial.arm or self._encoding.to_arm(trial.parameterization))
        self._n_left += 1
        self._model_has_begun = self._model_has_begun or is_after_the_design(trial)

    def tell(self, trial: Trial) -> None:
        """Take note of a finished trial."""
        self._begun = min(self._begun, trial.start_time or math.inf)
        self._last_result = max(self._last_result, trial.time)
        self._n_completed += trial.status is TrialStatus.COMPLETED
        self._n_left -= trial.status is not TrialStatus.COMPLETED

    def ask(self) -> Candidate | None:
        """The next candidate; None if it depends on results, or only Ax can find it.

        Raises:
            SearchSpaceExhausted: every point has been tried.
        """
        for point in self._initial:
            if self._untried.is_new(point):
                return Candidate(dict(point), "initial")
        if self._method is Method.GRID:
            return Candidate(self._next_of_the_grid(), self._method)
        if not self._can_draw or (self._method.has_model and not self._is_initial):
            return None
        self._untried.check_any_left()
        if self._method.has_model and not self._arms and (centre := self._centre()) is not None:
            return self._candidate(centre, "CenterOfSearchSpace")
        arm = self._new_allowed_arm() if self._untried.is_constrained else self._new_arm()
        node = "Sobol" if self._method.has_model else self._method
        return None if arm is None else self._candidate(arm, node)

    @property
    def _is_initial(self) -> bool:
        if self._model_has_begun:
            return False
        is_young = self._last_result - self._begun < YOUNG_SECONDS and self._n_left < self._most_while_young
        return is_young or self._n_left < self._n_initial or self._n_completed < max(1, self._n_initial // 2)

    def _candidate(self, arm: Parameterization, node: str) -> Candidate:
        kept = arm if self._encoding.lose_precision else None
        return Candidate(self._encoding.to_parameterization(arm), node, kept)

    def _next_of_the_grid(self) -> Parameterization:
        for point in self._grid:
            if self._untried.is_new(point):
                return point
        return self._untried.next_of_the_grid()  # there is none

    def _note(self, parameterization: Parameterization, arm: Parameterization) -> None:
        self._untried.remove(parameterization)
        self._arms.add(key(arm))

    def _new_arm(self) -> Parameterization | None:
        for _ in range(len(self._arms) + _MOST_DRAWS):  # the draws of a resumed sweep begin anew
            point = next(self._points)
            arm = self._arm(point)
            if key(arm) not in self._arms:
                return arm
        return None

    def _centre(self) -> Parameterization | None:
        """The centre of the space; None if rounding has moved it beyond a constraint."""
        centre = {name: axis.centre for name, axis in self._axes.items()}
        if not self._untried.is_constrained:
            return centre
        values = constrained_centre(self._problem.solution)
        point = self._problem.points.point({**self._encoding.to_parameterization(centre), **values})
        return None if point is None else self._encoding.to_arm(point)

    def _new_allowed_arm(self) -> Parameterization:
        """The next of the sequence that meets the constraints; where they are rare, one drawn from the constraints.

        Draws in vain are counted since the last point that meets them, known or new, as a resumed sweep counts them.
        """
        while self._n_in_vain < _MOST_IN_VAIN:
            point = self._encoding.to_parameterization(self._arm(next(self._points)))
            self._n_in_vain = 0 if self._problem.points.is_allowed(point) else self._n_in_vain + 1
            arm = self._encoding.to_arm(point)  # rounding may have moved the point within the constraints
            if self._n_in_vain == 0 and self._untried.is_new(self._encoding.to_parameterization(arm)):
                return arm
        return self._encoding.to_arm(self._untried.one())

    def _arm(self, point: Sequence[float]) -> Parameterization:
        arm, first = {}, 0
        for name, axis in self._axes.items():
            arm[name] = axis.value(point[first : first + axis.dimensions])
            first += axis.dimensions
        return arm

    def _unit_points(self, seed: int) -> Iterator[Sequence[float]]:
        return uniform(self._dimensions, seed) if self._method is Method.RANDOM else sobol(self._dimensions, seed)


def design_seed(method: str, seed: int) -> int:
    """The seed of the initial design.

    With ``fast`` it is the one that Ax draws for its Sobol sequence, by ``torch.randint(100_000)`` with its client's
    seed.
    """
    if method != Method.FAST:
        return seed
    import numpy as np

    return int(np.random.RandomState(seed).randint(0, 2**32, dtype=np.uint32) % 100_000)


def uniform(dimensions: int, seed: int) -> Iterator[Sequence[float]]:
    """The points of Ax's uniform generator."""
    import numpy as np

    random = np.random.RandomState(seed)
    while True:
        yield random.uniform(size=dimensions).tolist()
