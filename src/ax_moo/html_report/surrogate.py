"""What the model has learned, for the report: how far to trust it, which parameters matter, and how."""

import itertools
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ax_moo.html_report.surrogate_direction import directions
from ax_moo.html_report.surrogate_grid import centre, grid
from ax_moo.html_report.surrogate_model import Model, Values, repeatable
from ax_moo.html_report.surrogate_sample import trials_to_model
from ax_moo.problem.frontier import pareto_trials
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Choice, Fixed, Range
from ax_moo.system.one_thread import one_thread
from ax_moo.trial import Parameterization, Trial, TrialStatus

log = logging.getLogger(__name__)

FEWEST_TRIALS = 3
MOST_PAIRED = 12
"""Parameters of which all pairs get a contour; where there are more, these are the most important ones."""

T = TypeVar("T")
D = TypeVar("D")


def analyse(trials: Sequence[Trial], problem: Problem, method: str, seed: int | None) -> dict[str, Any]:
    """The model analyses of a sweep's trials, which come in the order of their completion; plain JSON data.

    Where there is no model ``why_not`` says why. An analysis that fails is empty, and the others stay.
    """
    completed = [trial for trial in trials if trial.status is TrialStatus.COMPLETED and trial.outcome is not None]
    found: dict[str, Any] = {"trials": len(completed), "trials_used": 0, "fixed_at": None, "metrics": {}}
    found |= {"why_not": None, "written": time.time()}
    if len(completed) < FEWEST_TRIALS:
        why_not = f"A model needs {FEWEST_TRIALS} completed trials; so far there are {len(completed)}."
        return {**found, "why_not": why_not}
    used = trials_to_model(completed, problem, seed)
    with repeatable(seed), one_thread():
        try:
            model = Model(problem, method, seed, used)
        except Exception as error:
            return {**found, "why_not": f"Ax could not fit a model to the {len(used)} trials: {_in_short(error)}"}
        analyses = _analyses(model, completed, problem)
    return {**found, "trials_used": len(used), **_plain(analyses)}


def _searched(problem: Problem) -> dict[str, Range | Choice]:
    return {p.name: p for p in problem.search_space.parameters if not isinstance(p, Fixed)}


def _analyses(model: Model, completed: Sequence[Trial], problem: Problem) -> dict[str, Any]:
    fixed, fixed_at = _fixed(completed, problem)
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
            "fixed": fixed,
        }
        for metric in problem.metric_names
    }
    return {"metrics": metrics, "fixed_at": fixed_at}


def _importances(model: Model, metric: str, signs: Mapping[str, int]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _tried(f"the importances for {metric}", lambda: model.importances(metric), [])
    return [{**row, "direction": signs.get(row["parameter"], 0)} for row in rows]


def _tried(what: str, analysis: Callable[[], T], instead: D) -> T | D:
    """A matrix that is not positive definite, and whatever else a model fails with, must not cost the whole page."""
    try:
        return analysis()
    except Exception as error:
        log.warning("The report goes without %s: %s", what, _in_short(error))
        return instead


def _in_short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _fixed(completed: Sequence[Trial], problem: Problem) -> tuple[Parameterization, str]:
    """What the parameters that a plot does not show are held at, and what that point is."""
    best = [] if problem.is_multi_objective else pareto_trials(completed, problem)
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
    """The parameters among which contours are drawn, in their own order."""
    largest = dict.fromkeys(names, 0.0)
    for row in itertools.chain.from_iterable(importances.values()):
        largest[row["parameter"]] = max(largest[row["parameter"]], row["importance"])
    chosen = sorted(names, key=lambda name: -largest[name])[:MOST_PAIRED]
    return [name for name in names if name in chosen]


def _rounded(values: Values) -> list[Any]:
    """More digits than a plot can show only make the page larger."""
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [float(f"{value:.8g}") for value in values]


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: None instead."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
