"""Collects the learning curves that a sweep's trials reported with ``ax_moo.report``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo import measurements
from ax_moo.html_report.views import View, view
from ax_moo.measurements import Measurement
from ax_moo.storage.trial_folders import trial_folders
from ax_moo.trial import Trial

MOST_POINTS = 200_000
"""The limit for all curves together: a screen shows no more points, and the page has to stay small."""

LEAST_POINTS_OF_A_CURVE = 20
POINTS_FOR_A_VIEW = 5000


def curves(folder: Path, sweep_id: str, trials: Sequence[Trial], objectives: Sequence[str]) -> dict[str, Any]:
    """``metrics``, objectives first, and per trial and metric the ``step`` and ``value`` of its curve."""
    folders = trial_folders(folder, sweep_id)
    found = {trial.index: _of_trial(folders.get(trial.index, ())) for trial in trials}
    names = dict.fromkeys(name for by_metric in found.values() for name in by_metric)
    metrics = [*(name for name in objectives if name in names), *(name for name in names if name not in objectives)]
    most = max(LEAST_POINTS_OF_A_CURVE, MOST_POINTS // max(1, sum(len(by_metric) for by_metric in found.values())))
    return {
        "metrics": metrics,
        "views": {
            name: _view([by_metric[name] for by_metric in found.values() if name in by_metric]) for name in metrics
        },
        "trials": [
            {"trial": index, "metrics": {name: _thinned(points, most) for name, points in by_metric.items()}}
            for index, by_metric in found.items()
            if by_metric
        ],
    }


def _view(curves: Sequence[Mapping[int, float]]) -> View | None:
    """Where a plot of the curves opens, from some of their values: all of them can be a million."""
    stride = max(1, sum(map(len, curves)) // POINTS_FOR_A_VIEW)
    return view([value for points in curves for value in list(points.values())[::stride]])


def _of_trial(folders: Sequence[Path]) -> dict[str, dict[int, float]]:
    """Metric -> step -> value; a step that several attempts reported has the last value."""
    by_metric: dict[str, dict[int, float]] = {}
    for folder in folders:
        for name, points in _of_folder(folder).items():
            by_metric.setdefault(name, {}).update(points)
    return by_metric


def _of_folder(folder: Path) -> dict[str, dict[int, float]]:
    try:
        measured, _ = measurements.read(folder)
        return _by_metric(measured)
    except (OSError, TypeError, ValueError, AttributeError):
        return {}  # the page goes without a curve that cannot be read


def _by_metric(measured: Sequence[Measurement]) -> dict[str, dict[int, float]]:
    by_metric: dict[str, dict[int, float]] = {}
    for measurement in measured:
        for name, value in measurement.metrics.items():
            by_metric.setdefault(str(name), {})[int(measurement.step)] = float(value)
    return by_metric


def _thinned(points: dict[int, float], most: int) -> dict[str, list[Any]]:
    """At most ``most`` points at even distances, including the last one."""
    steps = sorted(points)
    if len(steps) > most:
        steps = [steps[round(i * (len(steps) - 1) / (most - 1))] for i in range(most)]
    return {"step": steps, "value": [float(f"{points[step]:.6g}") for step in steps]}
