"""Analyses of the surrogate model for the report: cross-validation, importances, slices and contours."""

import itertools
import logging
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from ax_moo.html_report.surrogate_model import Model, Values, repeatable
from ax_moo.optimizer.bayes.one_thread import one_thread
from ax_moo.problem.frontier import pareto_trials
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Choice, Fixed, Range
from ax_moo.system.text import error_line
from ax_moo.trial import Parameterization, ParameterValue, Trial, completed

log = logging.getLogger(__name__)

FEWEST_TRIALS = 3
MOST_PAIRED = 12
"""The number of parameters whose pairs get a contour; the most important ones are chosen."""

T = TypeVar("T")
D = TypeVar("D")


def analyse(trials: Sequence[Trial], problem: Problem, method: str, seed: int | None) -> dict[str, Any]:
    """The model analyses of a sweep's trials as plain JSON data. ``trials`` are in order of completion.

    ``why_not`` gives the reason where there is no model. An analysis that fails is empty, and the others stay.
    """
    measured = completed(trials)
    found: dict[str, Any] = {"trials": len(measured), "trials_used": 0, "fixed_at": None, "metrics": {}}
    found |= {"why_not": None, "written": time.time()}
    if len(measured) < FEWEST_TRIALS:
        why_not = f"A model needs {FEWEST_TRIALS} completed trials; so far there are {len(measured)}."
        return {**found, "why_not": why_not}
    used = trials_to_model(measured, problem, seed)
    with repeatable(seed), one_thread():
        try:
            model = Model(problem, method, seed, used)
        except Exception as error:
            return {**found, "why_not": f"Ax could not fit a model to the {len(used)} trials: {error_line(error)}"}
        analyses = _analyses(model, measured, problem)
    return {**found, "trials_used": len(used), **_plain(analyses)}


def _searched(problem: Problem) -> dict[str, Range | Choice]:
    computed = problem.solution.computed
    return {p.name: p for p in problem.search_space.parameters if not isinstance(p, Fixed) and p.name not in computed}


def _analyses(model: Model, measured: Sequence[Trial], problem: Problem) -> dict[str, Any]:
    fixed, fixed_at = _fixed(measured, problem)
    validations: dict[str, Any] = _tried("cross-validation", model.cross_validation, {})
    signs: dict[str, Any] = _tried("directions", lambda: directions(model, _searched(problem), fixed), {})
    importances = {metric: _importances(model, metric, signs.get(metric, {})) for metric in problem.metric_names}
    paired = _paired(list(_searched(problem)), importances)
    slices: dict[str, Any] = _tried("slices", lambda: _slices(model, fixed, problem), {})
    contours: dict[str, Any] = _tried("contours", lambda: _contours(model, fixed, problem, paired), {})
    metrics = {
        metric: {
            "cross_validation": validations.get(metric),
            "importances": importances[metric],
            "slices": slices.get(metric, {}),
            "contours": contours.get(metric, []),
            "fixed": problem.search_space.shown(fixed),
        }
        for metric in problem.metric_names
    }
    return {"metrics": metrics, "fixed_at": fixed_at}


def _importances(model: Model, metric: str, signs: Mapping[str, int]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _tried(f"the importances for {metric}", lambda: model.importances(metric), [])
    return [{**row, "direction": signs.get(row["parameter"], 0)} for row in rows]


def _tried(name: str, analysis: Callable[[], T], instead: D) -> T | D:
    """The result of an analysis, or ``instead`` where it fails, such as by a matrix that is not positive definite."""
    try:
        return analysis()
    except Exception as error:
        log.warning("The report goes without %s: %s", name, error_line(error))
        return instead


def _fixed(measured: Sequence[Trial], problem: Problem) -> tuple[Parameterization, str]:
    """The point at which a plot holds the parameters that it does not show, and the name of this point."""
    best = [] if problem.is_multi_objective else pareto_trials(measured, problem)
    if best:
        return dict(best[0].parameterization), "the best trial"
    values = {p.name: p.value if isinstance(p, Fixed) else centre(p) for p in problem.search_space.parameters}
    return values, "the centre of the search space"


def _slices(model: Model, fixed: Parameterization, problem: Problem) -> dict[str, dict[str, Any]]:
    slices: dict[str, dict[str, Any]] = {metric: {} for metric in problem.metric_names}
    for name, parameter in _searched(problem).items():
        values = grid(parameter)
        predicted = model.predict([{**fixed, name: value} for value in values])
        for metric, (mean, ci) in predicted.items():
            slices[metric][name] = {"x": values, "mean": _rounded(mean), "ci": _rounded(ci)}
    return slices


def _contours(
    model: Model, fixed: Parameterization, problem: Problem, names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    contours: dict[str, list[dict[str, Any]]] = {metric: [] for metric in problem.metric_names}
    grids = {name: grid(_searched(problem)[name]) for name in names}
    for x, y in itertools.combinations(names, 2):
        xs, ys = grids[x], grids[y]
        predicted = model.predict([{**fixed, x: at_x, y: at_y} for at_y in ys for at_x in xs])
        shape = (len(ys), len(xs))
        for metric, (mean, ci) in predicted.items():
            planes = {"z": _rounded(mean.reshape(shape)), "ci": _rounded(ci.reshape(shape))}
            contours[metric].append({"x": x, "y": y, "xs": xs, "ys": ys, **planes})
    return contours


def _paired(names: list[str], importances: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The most important parameters, for contours of their pairs, in the order of the problem."""
    largest = dict.fromkeys(names, 0.0)
    for row in itertools.chain.from_iterable(importances.values()):
        largest[row["parameter"]] = max(largest[row["parameter"]], row["importance"])
    chosen = sorted(names, key=lambda name: -largest[name])[:MOST_PAIRED]
    return [name for name in names if name in chosen]


def _rounded(values: Values) -> list[Any]:
    """The values with eight digits: a plot shows no more, and the page stays small."""
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [float(f"{value:.8g}") for value in values]


def _plain(value: Any) -> Any:
    """The value with None for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


DRAWN_POINTS = 64


def directions(
    model: Model, searched: Mapping[str, Range | Choice], fixed: Parameterization
) -> dict[str, dict[str, int]]:
    """Metric -> parameter -> 1, -1, or 0 where values have no order or the metric is as high at both ends.

    The sign is that of the mean difference between predictions at a parameter's last and first value, over random
    points. Ax signs its Sobol indices by gradients instead, and these were the opposite of the model's predictions
    for whole numbers on a log scale.
    """
    grids = {name: grid(parameter) for name, parameter in searched.items()}
    drawn = random.Random(0)
    points = [{**fixed, **{name: drawn.choice(values) for name, values in grids.items()}} for _ in range(DRAWN_POINTS)]
    found: dict[str, dict[str, int]] = {}
    for name, parameter in searched.items():
        has_order = isinstance(parameter, Range) or parameter.is_ordered
        signs = _signs(model, points, name, grids[name]) if has_order else {}
        for metric in model.metrics:
            found.setdefault(metric, {})[name] = signs.get(metric, 0)
    return found


def _signs(
    model: Model, points: list[dict[str, ParameterValue]], name: str, values: list[ParameterValue]
) -> dict[str, int]:
    ends = [{**point, name: end} for end in (values[0], values[-1]) for point in points]
    predicted = model.predict(ends)
    return {
        metric: int(np.sign(np.round(mean[DRAWN_POINTS:].mean() - mean[:DRAWN_POINTS].mean(), 12)))
        for metric, (mean, _) in predicted.items()
    }


GRID_POINTS = 21
"""The most values along one axis. The number is odd, so that the centre of a range is among them."""


def grid(parameter: Range | Choice) -> list[ParameterValue]:
    """Values from one end to the other, evenly spaced on the parameter's scale; all values where they are few."""
    if isinstance(parameter, Choice):
        return _thinned(parameter.in_order if parameter.is_ordered else parameter.values)
    if parameter.step is not None:
        return _thinned(parameter.values())
    values = [_between(parameter, i) for i in range(GRID_POINTS)]
    return list(dict.fromkeys(values))


def centre(parameter: Range | Choice) -> ParameterValue:
    """The value in the middle; for a log-scale range it is the geometric mean of the bounds."""
    if isinstance(parameter, Range) and parameter.step is None:
        return _between(parameter, GRID_POINTS // 2)
    values = grid(parameter)
    return values[len(values) // 2]


def _thinned(values: Sequence[ParameterValue]) -> list[ParameterValue]:
    count = min(len(values), GRID_POINTS)
    return [values[i * (len(values) - 1) // max(count - 1, 1)] for i in range(count)]


def _between(parameter: Range, step: int) -> float:
    lower, upper, last = parameter.lower, parameter.upper, GRID_POINTS - 1
    if step in (0, last):
        return upper if step else lower
    if parameter.log_scale:
        value = math.exp(math.log(lower) + (math.log(upper) - math.log(lower)) * step / last)
        return min(max(round(value), lower), upper) if parameter.value_type == "int" else _short(value)
    if parameter.value_type == "int":
        return lower + ((upper - lower) * step + last // 2) // last  # whole numbers beyond 2**53 stay exact
    return _short(lower + (upper - lower) * step / last)


def _short(value: float) -> float:
    """The value without rounding errors of the arithmetic: 0.3 for 0.30000000000000004."""
    return float(f"{value:.12g}")


MOST_TRIALS = 200


def trials_to_model(measured: Sequence[Trial], problem: Problem, seed: int | None) -> list[Trial]:
    """All trials when they are few, else a sample of the frontier and of the other trials, in their order.

    At most half of the sample is from the frontier, because a model needs data of the poor regions too.
    """
    if len(measured) <= MOST_TRIALS:
        return list(measured)
    draw = random.Random(seed or 0)
    front = [trial.index for trial in pareto_trials(measured, problem)]
    chosen = set(draw.sample(front, min(len(front), MOST_TRIALS // 2)))
    others = [trial.index for trial in measured if trial.index not in chosen]
    chosen |= set(draw.sample(others, MOST_TRIALS - len(chosen)))
    return [trial for trial in measured if trial.index in chosen]
