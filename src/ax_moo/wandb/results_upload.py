"""The sweep's results in its W&B run: the Pareto table, and the files for people as an artifact."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.results.tables import COLUMNS, RESULTS_FILE, TRIALS_FILE, trials_frame
from ax_moo.trial import Trial
from ax_moo.wandb.names import results_name

TABLE = "pareto_frontier"
ARTIFACT_TYPE = "sweep"
FILES = ("report.html", TRIALS_FILE, RESULTS_FILE)

_NOT_IN_TABLE = {*COLUMNS, "feasible", "pareto"} - {"trial"}
_SCALARS = (bool, int, float, str)
_EXACT = 2**53


def pareto_table(wandb: Any, trials: Sequence[Trial], problem: Problem) -> Any:
    """The trials on the frontier with the columns of trials.csv that say what they are."""
    frame = trials_frame(trials, problem)
    front = frame[frame["pareto"].astype(bool)]
    columns = [column for column in frame.columns if column not in _NOT_IN_TABLE]
    rows = [[_cell(value) for value in row] for row in front[columns].astype(object).to_numpy().tolist()]
    try:
        return wandb.Table(columns=columns, data=rows)
    except TypeError:  # a choice among values of several kinds; W&B cannot plot columns that are declared so
        return wandb.Table(columns=columns, data=rows, allow_mixed_types=True)


def log_files(wandb: Any, run: Any, folder: Path, group: str) -> list[str]:
    """A new version of the sweep's artifact, of those files that are there; their names."""
    there = [name for name in FILES if (folder / name).is_file()]
    if there:
        artifact = wandb.Artifact(results_name(group), type=ARTIFACT_TYPE)
        for name in there:
            artifact.add_file(str(folder / name), name=name)
        run.log_artifact(artifact)
    return there


def _cell(value: Any) -> Any:
    """W&B's tables hold scalars; whole numbers that JavaScript cannot hold stay exact as text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    if value is None or value != value:
        return None
    return value if isinstance(value, _SCALARS) else json.dumps(value)
