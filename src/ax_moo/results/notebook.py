"""Loads a finished or running sweep into a notebook, with its tables, hypervolume and Ax's client."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ax_moo.problem.frontier import hypervolume_trace
from ax_moo.problem.problem import Problem
from ax_moo.results.tables import trials_frame
from ax_moo.storage import journal
from ax_moo.storage.folder import SweepFolder, open_folder
from ax_moo.system.errors import ConfigError
from ax_moo.trial import CompletedTrial, Parameterization, Trial, completed

if TYPE_CHECKING:
    import pandas as pd
    from ax.api.client import Client

    from ax_moo.optimizer.bayes.ax_client import AxOptimizer


def load(folder: str | Path) -> "SweepResults":
    """Read the sweep in a folder as it is now; a running sweep is not disturbed.

    Raises:
        ax_moo.system.errors.ConfigError: the folder holds no sweep, or none that can be read.
    """
    return SweepResults(open_folder(Path(folder)))


@dataclass(frozen=True)
class SweepResults:
    """A sweep at the moment when ``ax_moo.load`` read it."""

    sweep: SweepFolder

    @property
    def folder(self) -> Path:
        return self.sweep.path

    @property
    def problem(self) -> Problem:
        return self.sweep.problem

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """One row per trial, with the columns of trials.csv."""
        return trials_frame(self.sweep.trials, self.problem)

    @property
    def pareto_frontier(self) -> "pd.DataFrame":
        """The rows of ``trials`` that are on the frontier; with one objective, the row of the best trial."""
        return self.trials[self.trials["pareto"].astype(bool)].reset_index(drop=True)

    @cached_property
    def hypervolume(self) -> "pd.DataFrame":
        """A row per completed trial, in order of completion, with ``trial``, ``time`` and the ``hypervolume`` by then.

        ``time`` is in seconds since the sweep began. With one objective the hypervolume is the distance of the best
        value from the threshold, or from a point below all values where there is no threshold.
        """
        import pandas as pd

        trials = in_order_of_completion(self.sweep.trials)
        volumes = hypervolume_trace(trials, self.problem)
        started = float(self.sweep.header["time"])
        rows = [(t.index, t.time - started, v) for t, v in zip(trials, volumes, strict=True)]
        return pd.DataFrame(rows, columns=["trial", "time", "hypervolume"])

    def ax(self) -> "Client":
        """An Ax client that holds the sweep's experiment, for Ax's own analyses. The call takes seconds.

        Methods such as ``client.compute_analyses()``, ``predict`` and ``get_pareto_frontier`` work once a few trials
        have completed, for every method of the sweep. Parameters and metrics keep their names, except where Ax cannot
        parse them, and their values, except where Ax searches in other coordinates.
        """
        return self._optimizer.client

    def predict(self, points: Sequence[Parameterization]) -> list[dict[str, tuple[float, float]]]:
        """The mean and SEM that Ax's model predicts of each metric at points of the sweep's own search space.

        A parameter with one value may be left out.

        Raises:
            ax_moo.system.errors.ConfigError: a point is not in the search space, or no trial has completed.
        """
        space = self.problem.search_space
        complete = [space.complete(point, f"points[{index}]") for index, point in enumerate(points)]
        if not complete:
            return []
        if not completed(self.sweep.trials):
            raise ConfigError(
                f"{self.folder} has no completed trial; load it again when there are results to predict from"
            )
        optimizer = self._optimizer
        metrics = {in_ax: name for name, in_ax in optimizer.metric_in_ax.items()}
        predicted = optimizer.client.predict([optimizer.in_ax(point) for point in complete])
        return [
            {metrics.get(name, name): (float(mean), float(sem)) for name, (mean, sem) in each.items()}
            for each in predicted
        ]

    @cached_property
    def _optimizer(self) -> "AxOptimizer":
        from ax_moo.optimizer.base import Method
        from ax_moo.optimizer.bayes.ax_client import AxOptimizer

        header = self.sweep.header
        optimizer = AxOptimizer(self.problem, header.get("method", Method.AUTO), header.get("seed"))
        optimizer.replay(journal.last_states(self.folder))
        optimizer.fitted_client()
        return optimizer


def in_order_of_completion(trials: Sequence[Trial]) -> list[CompletedTrial]:
    """The completed trials, in order of completion."""
    return sorted(completed(trials), key=lambda trial: (trial.time, trial.index))
