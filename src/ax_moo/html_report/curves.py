"""Collects the learning curves that a sweep's trials reported with ``ax_moo.report``."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ax_moo import measurements
from ax_moo.jobs import folders
from ax_moo.measurements import Measurement
from ax_moo.storage.earlier import is_earlier
from ax_moo.trial import Trial

MOST_POINTS = 200_000
"""The limit for all curves together: a screen shows no more points, and the page has to stay small."""

LEAST_POINTS_OF_A_CURVE = 20

_NO_JOBS = (folders.DEFAULT, "wandb")
_JOB_NUMBER = re.compile(r"^    num: (\d+)$", re.MULTILINE)
"""The line as Hydra writes it; parsing a thousand of these files as YAML would take half a minute."""


def curves(folder: Path, trials: Sequence[Trial], objectives: Sequence[str]) -> dict[str, Any]:
    """``metrics``, objectives first, and per trial and metric the ``step`` and ``value`` of its curve."""
    folders = job_folders(folder)
    found = {trial.index: _of_trial(folders.get(trial.index, folder / str(trial.index))) for trial in trials}
    names = dict.fromkeys(name for by_metric in found.values() for name in by_metric)
    metrics = [*(name for name in objectives if name in names), *(name for name in names if name not in objectives)]
    most = max(LEAST_POINTS_OF_A_CURVE, MOST_POINTS // max(1, sum(len(by_metric) for by_metric in found.values())))
    return {
        "metrics": metrics,
        "trials": [
            {"trial": index, "metrics": {name: _thinned(points, most) for name, points in by_metric.items()}}
            for index, by_metric in found.items()
            if by_metric
        ],
    }


def job_folders(folder: Path) -> dict[int, Path]:
    """Trial -> job folder, for the folders that are not named by the trial's number (see ``hydra.sweep.subdir``)."""
    folders = {}
    for at, below, _ in os.walk(folder):
        if ".hydra" in below:
            if number := _JOB_NUMBER.search(_text(Path(at, ".hydra", "hydra.yaml"))):
                folders[int(number[1])] = Path(at)
            below.clear()
        elif Path(at) == folder:
            below[:] = [name for name in below if not (name.isdecimal() or name in _NO_JOBS or is_earlier(name))]
    return folders


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _of_trial(job_folder: Path) -> dict[str, dict[int, float]]:
    """Metric -> step -> value; a step that several attempts reported has the last value."""
    try:
        measured, _ = measurements.read(job_folder)
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
