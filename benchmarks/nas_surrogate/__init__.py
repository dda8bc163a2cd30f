"""What a trial of the NAS search would return, predicted from real trainings: see README.md beside this file."""

import math
import random
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ax_moo.problem.frontier import hypervolume
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / "conf/hydra/sweeper/ax_moo.yaml"
NOISE = 0.13  # standard deviation on the logit of val_acc
BATCH_SIZES = (32, 64, 128, 256)
# Corners from which hypervolume is measured, and the hypervolume of the best known frontier above them.
CORNERS = {"thresholds": ((0.94, 80_000), 1156.0), "wide": ((0.80, 118_282), 16_870.0)}


def problem() -> Problem:
    """The application's search, straight from its config."""
    config = yaml.safe_load(CONFIG.read_text())
    return Problem.from_config(SearchSpace.from_config(config["params"], ()), config["objectives"], (), ())


def evaluate(point: Mapping[str, Any], seed: int | None = None) -> dict[str, float]:
    """The outcome of a trial; with a seed, one training of this seed and point, else the mean of all."""
    logit = _logit(point)
    if seed is not None:
        logit += random.Random(f"{seed} {sorted(point.items())}").gauss(0, NOISE)
    return {"val_acc": 1 / (1 + math.exp(-logit)), "num_params": float(num_params(point))}


def num_params(point: Mapping[str, Any]) -> int:
    first, second = point["model.hidden_size_1"], point["model.hidden_size_2"]
    return int(785 * first + (first + 1) * second + 10 * (second + 1))


def share_of_frontier(points: Iterable[Mapping[str, Any]], corner: str = "thresholds") -> float:
    """The hypervolume of these trials, measured without noise; 1 is that of the best known frontier."""
    (accuracy, size), best = CORNERS[corner]
    outcomes = [evaluate(point) for point in points]
    rows = np.array([[outcome["val_acc"], -outcome["num_params"]] for outcome in outcomes]).reshape(-1, 2)
    return hypervolume(rows, np.array([accuracy, -size])) / best


def _logit(point: Mapping[str, Any]) -> float:
    """A Gaussian process with a Matern 5/2 kernel, at its mean."""
    fit = _fit()
    distance = np.sqrt(5 * (((fit["X"] - _in_unit_cube(point)) / fit["ls"]) ** 2).sum(axis=1))
    kernel = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return float(fit["sig2"] * (kernel @ fit["alpha"]) + fit["mean"])


def _in_unit_cube(point: Mapping[str, Any]) -> Any:
    return np.array(
        [
            math.log(point["model.hidden_size_1"] / 16, 8),
            math.log(point["model.hidden_size_2"] / 16, 8),
            math.log(point["model.learning_rate"] / 1e-4, 100),
            (point["trainer.max_epochs"] - 1) / 3,
            point["model.dropout"] / 0.5,
            BATCH_SIZES.index(point["data.batch_size"]) / 3,
        ]
    )


@cache
def _fit() -> dict[str, Any]:
    with np.load(HERE / "nas_surrogate.npz") as arrays:
        return dict(arrays)
