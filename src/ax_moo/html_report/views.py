"""Where plots open: the part of each metric's axis around thresholds and frontier, without outliers far away."""

import math
from collections.abc import Mapping, Sequence
from statistics import quantiles

from ax_moo.problem.frontier import mean, pareto_trials
from ax_moo.problem.problem import Problem
from ax_moo.trial import Trial, completed

View = tuple[float, float]

LEAST_GAIN = 2.5
"""A view is worth its words only where all values together take at least this many times its length."""

FENCE = 3.0
"""Outliers are further than this many interquartile ranges from the quartiles: Tukey's "far out"."""

LARGEST = 1e300
"""Beyond it sums overflow, and no plot has such an axis."""

ABSURD = 1000.0
FEWEST_TO_FENCE = 5
ROOM = 1.5
MARGIN = 0.06


def views(trials: Sequence[Trial], problem: Problem) -> dict[str, View | None]:
    """Metric -> the part of its axis on which a plot opens, or None where that is all of it."""
    measured, front = completed(trials), pareto_trials(trials, problem)
    thresholds: Mapping[str, float | None] = {each.name: each.threshold for each in problem.objectives}
    found: dict[str, View | None] = {}
    for name in dict.fromkeys(name for trial in measured for name in trial.outcome):
        values = [mean(trial.outcome[name]) for trial in measured if name in trial.outcome]
        best = [mean(trial.outcome[name]) for trial in front] if name in thresholds else []
        found[name] = view(values, best, thresholds.get(name))
    return found


def view(values: Sequence[float], best: Sequence[float] = (), threshold: float | None = None) -> View | None:
    """The part of an axis that holds ``best`` and ``threshold``, room around them, and the values near them.

    Without both it is the part without outliers. A threshold far beyond all that was reached is no part of it.
    """
    values, best = _drawn(values), _drawn(best)
    ends = [*values, *_drawn([] if threshold is None else [threshold])]
    if not values:
        return None
    low, high = _around(values, best, threshold)
    worth = LEAST_GAIN * (min(high, max(ends)) - max(low, min(ends)))
    if not max(ends) - min(ends) > worth > 0:
        return None
    for first, last in (fenced(values), (values[0], values[-1])):
        if last - first <= worth:  # none of these is in the way of the others
            low, high = min(low, first), max(high, last)
    inside = [value for value in ends if low <= value <= high]
    low, high = min(inside), max(inside)
    margin = MARGIN * (high - low)
    return low - margin, high + margin


def _drawn(values: Sequence[float]) -> list[float]:
    return sorted(value for value in values if abs(value) < LARGEST)


def _around(values: Sequence[float], best: Sequence[float], threshold: float | None) -> View:
    """The region before it is bounded by what there is; ``values`` and ``best`` are in order."""
    usual = fenced(values)
    reached = [value for value in best if not _is_absurd(value, usual)]
    centre = [*fenced(reached)] if reached else []
    if threshold is not None and (len(values) < FEWEST_TO_FENCE or not _is_far(threshold, centre, usual)):
        centre.append(threshold)
    if not centre:
        return usual
    low, high = min(centre), max(centre)
    distances = sorted(max(low - value, value - high, 0.0) for value in values)
    further = distances[(len(values) - 1) // 3 :]
    # A centre without an extent says nothing of what is near: the first trial that differs from it does.
    room = max(ROOM * (high - low), 2 * further[0]) if high > low else 5 * next(filter(None, further), 0.0)
    # Room is no reason to show an outlier.
    return max(low - room, min(low, usual[0])), min(high + room, max(high, usual[1]))


def _is_absurd(value: float, usual: View) -> bool:
    """Whether even one of the best would make all others look the same."""
    low, high = usual
    return max(low - value, value - high) > ABSURD * (high - low) > 0


def _is_far(threshold: float, best: Sequence[float], usual: View) -> bool:
    """Whether a threshold that was reached is so loose that it would push all that was found into a corner."""
    if not best:
        return False
    low, high = min(*usual, *best), max(*usual, *best)
    return max(low - threshold, threshold - high) > FENCE * (high - low) > 0


def fenced(values: Sequence[float]) -> View:
    """From the first to the last of the values, which are in order, that is no outlier."""
    if len(values) < FEWEST_TO_FENCE:
        return values[0], values[-1]
    lower, _, upper = quantiles(values, n=4, method="inclusive")
    # Where most values are equal, those that differ are what is to be seen.
    reach = FENCE * (upper - lower) or math.inf
    inside = [value for value in values if lower - reach <= value <= upper + reach]
    return inside[0], inside[-1]
