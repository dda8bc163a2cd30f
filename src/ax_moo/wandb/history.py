"""Makes the history of the sweep's W&B run: a row per line of the journal, with its text and the charts' values."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ax_moo.problem.best_so_far import BestSoFar
from ax_moo.problem.problem import Problem
from ax_moo.results.tables import COLUMNS, RESULTS_FILE, TRIALS_FILE, trials_frame
from ax_moo.storage import journal
from ax_moo.trial import Trial, TrialStatus
from ax_moo.wandb.settings import results_name
from ax_moo.wandb.shown_journal import shown_line

LINE, TEXT, FINISHED = "journal_line", "journal", "finished"


class SweepRows:
    """Makes the rows. A row depends only on the journal up to its line, so logging it twice changes no chart."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self.problem = Problem.from_dict(header["problem"])
        self._started = float(header["time"])
        self.trials: dict[int, Trial] = {}
        self._so_far = BestSoFar(self.problem)
        self._counts: Counter[TrialStatus] = Counter()
        self._candidate_seconds: float | None = None

    @property
    def front(self) -> list[int]:
        return [trial.index for trial in self._so_far.front]

    @property
    def charts(self) -> list[str]:
        """The keys whose charts have the number of finished trials as their axis."""
        return ["running", "failed", self._quality_key, "seconds_per_candidate", "elapsed_s"]

    def row(self, number: int, text: str) -> dict[str, Any]:
        row: dict[str, Any] = {LINE: number, TEXT: shown_line(text, self.problem.search_space)}
        with suppress(KeyError, TypeError, ValueError):
            trial = journal.from_line(json.loads(text))
            self._note(trial)
            if trial.status.is_finished:
                row |= self.state(trial.time)
        return row

    def state(self, time: float) -> dict[str, Any]:
        """The values of the charts at this moment, without those that are not known yet."""
        found = {
            FINISHED: sum(count for status, count in self._counts.items() if status.is_finished),
            "running": self._count(TrialStatus.RUNNING),
            "failed": self._count(TrialStatus.FAILED),
            self._quality_key: self._quality(),
            "seconds_per_candidate": self._candidate_seconds,
            "elapsed_s": round(time - self._started, 3),
        }
        return {key: value for key, value in found.items() if value is not None}

    def summary(self) -> dict[str, Any]:
        """The values of the run's summary at the end of the sweep."""
        counts = Counter(str(trial.status).lower() for trial in self.trials.values())
        last = max((trial.time for trial in self.trials.values()), default=self._started)
        return {**self.state(last), **counts, "trials": len(self.trials), "pareto_size": len(self._so_far.front)}

    def _note(self, trial: Trial) -> None:
        if (before := self.trials.get(trial.index)) is not None:
            self._counts[before.status] -= 1
        self._counts[trial.status] += 1
        self.trials[trial.index] = trial
        if trial.status is TrialStatus.STAGED and trial.attempt == 1:
            self._candidate_seconds = trial.generation_seconds
        self._so_far.add(trial)

    def _count(self, status: TrialStatus) -> int:
        return self._counts[status]

    @property
    def _quality_key(self) -> str:
        return "hypervolume" if self.problem.is_multi_objective else f"best/{self.problem.objectives[0].name}"

    def _quality(self) -> float | None:
        if self.problem.is_multi_objective:
            return self._so_far.hypervolume
        best = self._so_far.best(self.problem.objectives[0])
        return None if best is None else best[0]


TABLE = "pareto_frontier"
ARTIFACT_TYPE = "sweep"
FILES = ("report.html", TRIALS_FILE, RESULTS_FILE)

_NOT_IN_TABLE = {*COLUMNS, "feasible", "pareto"} - {"trial"}
_SCALARS = (bool, int, float, str)
_EXACT = 2**53


def pareto_table(wandb: Any, trials: Sequence[Trial], problem: Problem) -> Any:
    """The trials on the frontier, with their numbers, parameters and metrics as in trials.csv."""
    frame = trials_frame(trials, problem)
    front = frame[frame["pareto"].astype(bool)]
    columns = [column for column in frame.columns if column not in _NOT_IN_TABLE]
    rows = [[_cell(value) for value in row] for row in front[columns].astype(object).to_numpy().tolist()]
    try:
        return wandb.Table(columns=columns, data=rows)
    except TypeError:  # a choice has values of several types; W&B cannot plot a column that allows them
        return wandb.Table(columns=columns, data=rows, allow_mixed_types=True)


def log_files(wandb: Any, run: Any, folder: Path, group: str) -> list[str]:
    """Log a new version of the sweep's artifact with the files that exist, and return their names."""
    there = [name for name in FILES if (folder / name).is_file()]
    if there:
        artifact = wandb.Artifact(results_name(group), type=ARTIFACT_TYPE)
        for name in there:
            artifact.add_file(str(folder / name), name=name)
        run.log_artifact(artifact)
    return there


def _cell(value: Any) -> Any:
    """The value as a scalar, which W&B's tables need; a whole number too large for JavaScript is text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    if value is None or value != value:
        return None
    return value if isinstance(value, _SCALARS) else json.dumps(value)
