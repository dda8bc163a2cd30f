"""Pareto frontier and hypervolume of the trials' outcomes.

Points are rows of objective values that are all to be maximised: see :func:`as_maximization`.
"""

import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ax_moo.problem.problem import Objective, Problem
from ax_moo.trial import CompletedTrial, Measured, Outcome, Trial, completed

Points = npt.NDArray[np.float64]


def mean(value: Measured) -> float:
    """The mean of a measured value, whether or not its SEM is known."""
    return value[0] if isinstance(value, tuple) else value


def as_maximization(outcomes: Sequence[Outcome], objectives: Sequence[Objective]) -> Points:
    """An (n, m) array of objective values in which more is better: the sign of minimised objectives is changed."""
    rows = [[_signed(mean(outcome[o.name]), o) for o in objectives] for outcome in outcomes]
    return np.array(rows, dtype=float).reshape(len(outcomes), len(objectives))


def is_feasible(outcome: Outcome, problem: Problem) -> bool:
    """Whether an outcome meets every outcome constraint and every threshold."""
    constraints = all(c.holds(mean(outcome[c.metric])) for c in problem.outcome_constraints)
    return constraints and all(_reaches(outcome, objective) for objective in problem.objectives)


def non_dominated(points: Points) -> npt.NDArray[np.bool_]:
    """A mask of the rows that no other row dominates (at least as good everywhere, better somewhere).

    Equal rows do not dominate each other, so all of them are kept.
    """
    if points.shape[1] == 2:
        return _non_dominated_pairs(points)
    # The rows with the largest sums dominate most others, so that few rows are left to compare with.
    # Means stand for sums, which may be larger than any number.
    left = np.argsort(-(points / points.shape[1]).sum(axis=1), kind="stable")
    looked_at = 0
    while looked_at < len(left):
        one, others = points[left[looked_at]], points[left]
        stays = ~((others <= one).all(axis=1) & (others < one).any(axis=1))
        looked_at = int(stays[: looked_at + 1].sum())
        left = left[stays]
    mask = np.zeros(len(points), dtype=np.bool_)
    mask[left] = True
    return mask


def _non_dominated_pairs(points: Points) -> npt.NDArray[np.bool_]:
    """As :func:`non_dominated`, for two columns: one pass from the right to the left suffices."""
    order = np.lexsort((-points[:, 1], -points[:, 0]))
    x, y = points[order].T
    highest = np.maximum.accumulate(np.append(-np.inf, y))[:-1]  # of the rows before, which are not further left
    is_higher = y > highest
    at = np.maximum.accumulate(np.where(is_higher, np.arange(len(x)), 0))
    mask = np.zeros(len(points), dtype=np.bool_)
    mask[order] = is_higher | ((y == highest) & (x[at] == x))
    return mask


def pareto_trials(trials: Sequence[Trial], problem: Problem) -> list[CompletedTrial]:
    """The completed, feasible trials that no other such trial dominates, in the given order.

    With one objective this is the best trial, or several that are equally good.
    """
    candidates = [trial for trial in completed(trials) if is_feasible(trial.outcome, problem)]
    if not candidates:
        return []
    points = as_maximization([t.outcome for t in candidates], problem.objectives)
    return [t for t, keep in zip(candidates, non_dominated(points), strict=True) if keep]


def reference_point(problem: Problem, outcomes: Sequence[Outcome]) -> Points | None:
    """The point, as a maximisation, from which hypervolume is measured: the thresholds, if they are given.

    Without thresholds the point is inferred: the worst value of each objective on the frontier of the outcomes, minus
    a tenth of the frontier's extent, as is usual (Ishibuchi et al., 2011). None without thresholds and outcomes.
    """
    if problem.thresholds_given:
        return np.array([_signed(_threshold(o), o) for o in problem.objectives])
    if not outcomes:
        return None
    points = as_maximization(outcomes, problem.objectives)
    front = points[non_dominated(points)]
    worst, best = front.min(axis=0), front.max(axis=0)
    with np.errstate(over="ignore"):
        extent = np.where(best > worst, best - worst, np.maximum(np.abs(worst), 1.0))
        inferred: Points = np.nan_to_num(worst - 0.1 * extent)
    return inferred


def hypervolume(points: Points, reference: Points) -> float:
    """The volume that the points dominate above the reference point.

    It is computed exactly, by slicing along the last objective. The cost grows as n**(m - 1) for n frontier points and
    m objectives. A volume that is larger than any number is the largest number.
    """
    with np.errstate(over="ignore"):
        above = np.nan_to_num(points[(points > reference).all(axis=1)] - reference)
        return min(_volume(above), sys.float_info.max) if len(above) else 0.0


def hypervolume_of(trials: Sequence[Trial], problem: Problem) -> float:
    """Hypervolume of the feasible completed trials, from the thresholds or an inferred reference point."""
    front = pareto_trials(trials, problem)
    reference = reference_point(problem, [t.outcome for t in front])
    if reference is None or not front:
        return 0.0
    return hypervolume(as_maximization([t.outcome for t in front], problem.objectives), reference)


def hypervolume_trace(trials: Sequence[Trial], problem: Problem) -> list[float]:
    """Hypervolume of the feasible completed trials after each completed trial, in the given order.

    An inferred reference point is computed once, from all trials, so that the trace never falls.
    """
    reference = reference_point(problem, [t.outcome for t in pareto_trials(trials, problem)])
    trace: list[float] = []
    front = np.empty((0, len(problem.objectives)))
    volume = 0.0
    for trial in completed(trials):
        point = as_maximization([trial.outcome], problem.objectives)
        dominated = bool(len(front)) and bool((front >= point).all(axis=1).any())
        if reference is not None and not dominated and is_feasible(trial.outcome, problem):
            front = np.vstack([front, point])
            front = front[non_dominated(front)]
            volume = hypervolume(front, reference)
        trace.append(volume)
    return trace


def _volume(points: Points) -> float:
    points = points[non_dominated(points)]
    if points.shape[1] == 1:
        return float(points.max())
    order = np.argsort(-points[:, -1], kind="stable")
    points = points[order]
    floors = np.append(points[1:, -1], 0.0)
    slabs = points[:, -1] - floors
    if points.shape[1] == 2:
        widths = np.maximum.accumulate(points[:, 0])
        return float(sum(slab * width for slab, width in zip(slabs, widths, strict=True) if slab > 0))
    return float(sum(slab * _volume(points[: i + 1, :-1]) for i, slab in enumerate(slabs) if slab > 0))


def _signed(value: float, objective: Objective) -> float:
    return -value if objective.minimize else value


def _threshold(objective: Objective) -> float:
    if objective.threshold is None:
        raise ValueError(f"objective {objective.name} has no threshold")
    return objective.threshold


def _reaches(outcome: Outcome, objective: Objective) -> bool:
    if objective.threshold is None:
        return True
    return _signed(mean(outcome[objective.name]), objective) >= _signed(objective.threshold, objective)
