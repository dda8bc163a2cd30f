"""Whether a metric rises or falls along a parameter, as the model has it."""

import random
from collections.abc import Mapping

import numpy as np

from ax_moo.html_report.surrogate_grid import grid
from ax_moo.html_report.surrogate_model import Model
from ax_moo.search_space.space import Choice, Range
from ax_moo.trial import Parameterization, ParameterValue

POINTS = 64


def directions(
    model: Model, searched: Mapping[str, Range | Choice], fixed: Parameterization
) -> dict[str, dict[str, int]]:
    """Metric -> parameter -> 1, -1, or 0 where values have no order or the metric is as high at both ends.

    It is the sign of the mean difference between a parameter's last and first value over points of the search space.
    The signs that Ax puts on its Sobol indices are of gradients, and were seen to be the opposite of what the model's
    own predictions do along whole numbers on a log scale.
    """
    grids = {name: grid(parameter) for name, parameter in searched.items()}
    drawn = random.Random(0)
    points = [{**fixed, **{name: drawn.choice(values) for name, values in grids.items()}} for _ in range(POINTS)]
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
        metric: int(np.sign(np.round(mean[POINTS:].mean() - mean[:POINTS].mean(), 12)))
        for metric, (mean, _) in predicted.items()
    }
