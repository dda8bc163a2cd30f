"""The sweep's trials in Ax's client: which trial of Ax each of them is, pending until its outcome is told."""

import warnings
from collections.abc import Mapping

from ax_moo.optimizer.base import Candidate
from ax_moo.optimizer.bayes import ax_internals
from ax_moo.optimizer.bayes.ax_problem import AxProblem
from ax_moo.optimizer.bayes.scheduled_fits import ScheduledFits
from ax_moo.optimizer.points.untried import Untried
from ax_moo.trial import CompletedTrial, Parameterization, Trial

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.api.client import Client


class AxTrials:
    """Every candidate, whoever has found it, gets its trial in Ax here."""

    def __init__(self, client: Client, in_ax: AxProblem, untried: Untried, fits: ScheduledFits) -> None:
        self._client = client
        self._in_ax = in_ax
        self._untried = untried
        self._fits = fits
        self._ax_index: dict[int, int] = {}
        self._told: set[int] = set()

    def __len__(self) -> int:
        return len(self._ax_index)

    @property
    def of_ax(self) -> Mapping[int, int]:
        """The sweep's trial number for each trial index of Ax."""
        return {ax_index: index for index, ax_index in self._ax_index.items()}

    def take(self, index: int, ax_index: int, parameters: Parameterization) -> Candidate | None:
        """The candidate for which Ax has made this trial; None, without the trial, if it is not valid."""
        arm = self._in_ax.unaliased(parameters)
        if not self._is_valid(arm):
            self._client.mark_trial_abandoned(ax_index)
            return None
        self._ax_index[index] = ax_index
        return self._candidate(arm, self._node_of(ax_index))

    def add_if_valid(self, index: int, parameters: Parameterization, node: str) -> Candidate | None:
        """As :meth:`take`, for a point of Ax that has no trial yet."""
        arm = self._in_ax.unaliased(parameters)
        return self._attach(index, arm, node) if self._is_valid(arm) else None

    def add(self, index: int, parameterization: Parameterization, node: str) -> Candidate:
        """The candidate of a point that Ax has not found."""
        self._attach(index, self._in_ax.encoding.to_arm(parameterization), node)
        self._untried.remove(parameterization)
        return Candidate(dict(parameterization), node)

    def accept(self, trial: Trial) -> None:
        """Take note of a trial that another optimizer has proposed."""
        self._untried.remove(trial.parameterization)
        with self._in_ax.own_names():
            self._attach(trial.index, trial.arm or self._in_ax.encoding.to_arm(trial.parameterization))

    def knows_end_of(self, trial: Trial) -> bool:
        return trial.index in self._told

    def tell(self, trial: Trial) -> None:
        """Tell Ax about a finished trial; to tell it twice is harmless."""
        if self.knows_end_of(trial):
            return
        self._told.add(trial.index)
        with self._in_ax.own_names():
            self._tell(self._ax_index[trial.index], CompletedTrial.of(trial))

    def _tell(self, ax_index: int, measured: CompletedTrial | None) -> None:
        if measured is None:
            self._client.mark_trial_abandoned(ax_index)
            return
        self._client.attach_data(ax_index, self._in_ax.raw_data(measured.outcome))
        # As complete_trial, which also looks through the data of all trials to log which metrics are missing.
        ax_internals.experiment(self._client).trials[ax_index].mark_completed()
        self._fits.told(ax_index)

    def _attach(self, index: int, arm: Parameterization, node: str = "") -> Candidate:
        self._ax_index[index] = self._client.attach_trial(self._in_ax.aliased(arm))
        return self._candidate(arm, node)

    def _candidate(self, arm: Parameterization, node: str) -> Candidate:
        parameterization = self._in_ax.encoding.to_parameterization(arm)
        self._untried.remove(parameterization)
        return Candidate(parameterization, node, arm if self._in_ax.encoding.lose_precision else None)

    def _is_valid(self, arm: Parameterization) -> bool:
        """Whether Ax's candidate is a new point that meets the constraints, after whole numbers were rounded."""
        return not self._untried.is_limited or self._untried.has(self._in_ax.encoding.to_parameterization(arm))

    def _node_of(self, ax_index: int) -> str:
        runs = ax_internals.experiment(self._client).trials[ax_index].generator_runs
        return str(ax_internals.node_name(runs[0])) if runs else ""
