"""Fits Ax's surrogate model to a sweep's trials, and translates Ax's analyses to the problem's names."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from ax_moo.optimizer.bayes import ax_internals
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.bayes.magnitudes import LARGEST, meant
from ax_moo.problem.problem import Problem
from ax_moo.trial import Parameterization, Trial

# The optimizer's module comes first, because it imports Ax without its warnings.
# isort: split
from ax.adapter.base import Adapter
from ax.adapter.transforms.one_hot import OH_PARAM_INFIX
from ax.analysis.plotly.cross_validation import CrossValidationPlot
from ax.analysis.plotly.sensitivity import SensitivityAnalysisPlot
from ax.analysis.plotly.utils import Z_SCORE_95_CI
from ax.analysis.utils import extract_relevant_adapter
from ax.core.observation import ObservationFeatures
from ax.utils.stats.model_fit_stats import coefficient_of_determination
from botorch.utils.sampling import manual_seed

Values = npt.NDArray[np.float64]

CHUNK = 500
"""The number of points predicted at once: a larger chunk takes more memory and is no faster."""


class Model:
    """One Gaussian process per metric, which Ax fits to completed trials as it does for the next candidate."""

    def __init__(self, problem: Problem, method: str, seed: int | None, trials: Sequence[Trial]) -> None:
        self._optimizer = AxOptimizer(problem, method, seed)
        self._optimizer.replay(trials)
        self._adapter = _fit(self._optimizer)

    @property
    def metrics(self) -> list[str]:
        return list(self._optimizer.metric_in_ax)

    def cross_validation(self) -> dict[str, dict[str, Any]]:
        """Each metric's observed values, and the values that a model without each trial predicts for it."""
        in_ax = self._optimizer.metric_in_ax
        analysis = CrossValidationPlot(metric_names=list(in_ax.values()), untransform=True)
        frames = [card.df for card in analysis.compute(adapter=self._adapter).children]
        return {name: self._folds(frame.to_dict("list")) for name, frame in zip(in_ax, frames, strict=False)}

    def importances(self, metric: str) -> list[dict[str, Any]]:
        """Total Sobol indices, the largest first; empty for a metric that is constant and so has no variance."""
        name = self._optimizer.metric_in_ax[metric]
        analysis = SensitivityAnalysisPlot(metric_name=name, order="total", top_k=None)
        frame = analysis.compute(adapter=self._adapter).df
        if not np.isfinite(frame["sensitivity"]).all():
            return []
        indices = self._by_parameter(zip(frame["parameter_name"], map(float, frame["sensitivity"]), strict=True))
        rows = [{"parameter": name, "importance": sum(map(abs, parts))} for name, parts in indices.items()]
        return sorted(rows, key=lambda row: -row["importance"])

    def predict(self, points: Sequence[Parameterization]) -> dict[str, tuple[Values, Values]]:
        """Each metric's predicted mean and the half-width of its 95 % interval at these points."""
        chunks = [self._predict(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)]
        return {
            metric: (np.concatenate([c[metric][0] for c in chunks]), np.concatenate([c[metric][1] for c in chunks]))
            for metric in self._optimizer.metric_in_ax
        }

    def _predict(self, points: Sequence[Parameterization]) -> dict[str, tuple[Values, Values]]:
        features = [ObservationFeatures(self._optimizer.in_ax(point)) for point in points]
        means, covariances = self._adapter.predict(features)
        return {
            metric: _as_meant(np.array(means[name]), Z_SCORE_95_CI * np.sqrt(np.array(covariances[name][name])))
            for metric, name in self._optimizer.metric_in_ax.items()
        }

    def _folds(self, columns: Mapping[str, list[Any]]) -> dict[str, Any]:
        # Ax iterates over a set of arms, so that their order differs between processes.
        trials = self._trials_of_arms(columns["arm_name"])
        order = sorted(range(len(trials)), key=trials.__getitem__)
        folds: dict[str, Any] = {"trial": [trials[i] for i in order]}
        observed, predicted = (np.array(columns[column])[order] for column in ("observed", "predicted"))
        for column, values in (("observed", observed), ("predicted", predicted)):
            means, widths = _as_meant(values, np.array(columns[f"{column}_95_ci"], dtype=float)[order])
            folds |= {column: means.tolist(), f"{column}_ci": widths.tolist()}
        # A constant metric has no variance to explain, and Ax would return 1 for it.
        r2 = coefficient_of_determination(observed, predicted) if np.ptp(observed) else np.nan
        return {**folds, "r2": float(r2)}

    def _trials_of_arms(self, arms: Sequence[str]) -> list[int]:
        """The trial of each row. An arm that ran in several trials has a row for each of them."""
        experiment = ax_internals.experiment(self._optimizer.client)
        trials_of = defaultdict(list)
        for ax_index, index in self._optimizer.trial_of_ax.items():
            trials_of[experiment.trials[ax_index].arm.name].append(index)
        return [trials_of[arm].pop(0) for arm in arms]

    def _by_parameter(self, indices: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
        """The indices by the problem's parameters; Ax has one per value of a choice that it encodes one-hot."""
        parameters = {in_ax: name for name, in_ax in self._optimizer.parameter_in_ax.items()}
        parts = defaultdict(list)
        for name, index in indices:
            parts[parameters.get(name) or parameters[name.rpartition(OH_PARAM_INFIX)[0]]].append(index)
        return parts


def _as_meant(means: Values, widths: Values) -> tuple[Values, Values]:
    """Means and half-widths in the application's own sizes; Ax is told smaller numbers for very large ones."""
    if not ((np.abs(means) > LARGEST) | (widths > LARGEST)).any():  # a width may be NaN
        return means, widths
    centres = [meant(float(mean)) for mean in means]
    ends = [meant(float(mean + width)) for mean, width in zip(means, widths, strict=True)]
    return np.array(centres), np.array([end - centre for end, centre in zip(ends, centres, strict=True)])


def repeatable(seed: int | None) -> AbstractContextManager[None]:
    """A context in which random numbers depend on the seed alone; the state outside is left unchanged."""
    drawn: AbstractContextManager[None] = manual_seed(seed or 0)
    return drawn


def _fit(optimizer: AxOptimizer) -> Adapter:
    client = optimizer.analysis_client()
    return extract_relevant_adapter(ax_internals.experiment(client), ax_internals.strategy(client), None)
