"""Compares several sweeps over trials and over time: their hypervolume, or the best value of a single objective."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ax_moo.problem.best_so_far import BestSoFar
from ax_moo.problem.frontier import hypervolume_trace, pareto_trials, reference_point
from ax_moo.problem.objectives import Objective
from ax_moo.problem.problem import Problem
from ax_moo.results.notebook import in_order_of_completion
from ax_moo.storage.folder import SweepFolder
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Outcome

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("sweep", "trial", "finished", "time")


@dataclass(frozen=True)
class Comparison:
    """``reference`` is in the objectives' own units; ``table`` has a row per completed trial of each sweep.

    The table's columns are COLUMNS and ``column``: ``finished`` counts the sweep's completed trials, ``time`` is in
    seconds since the sweep's start. A single objective has no reference point. Its best value is NaN up to the first
    trial that meets the outcome constraints.
    """

    names: Sequence[str]
    reference: dict[str, float]
    is_inferred: bool
    table: "pd.DataFrame"
    objective: str | None = None
    """The objective, if it is the only one."""

    @property
    def column(self) -> str:
        return "hypervolume" if self.objective is None else "best"


def compare(sweeps: Sequence[SweepFolder]) -> Comparison:
    """Compare the best values of a single objective, or hypervolumes, which are all measured from one point.

    That point is the sweeps' thresholds where all have the same, else it is inferred.

    Raises:
        ConfigError: the sweeps have different objectives, or no completed trial meets its outcome constraints.
    """
    objectives = _shared_objectives(sweeps)
    reference, is_inferred = _reference(sweeps, objectives)
    if len(objectives) == 1:
        values = [_best_values(sweep) for sweep in sweeps]
        return Comparison(_names(sweeps), {}, False, _table(sweeps, values, "best"), objectives[0].name)
    values = [_hypervolumes(sweep, objectives, reference) for sweep in sweeps]
    return Comparison(_names(sweeps), reference, is_inferred, _table(sweeps, values, "hypervolume"))


def _table(sweeps: Sequence[SweepFolder], values: Sequence[Sequence[float]], column: str) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        (name, *row)
        for name, sweep, of_sweep in zip(_names(sweeps), sweeps, values, strict=True)
        for row in _rows(sweep, of_sweep)
    ]
    return pd.DataFrame(rows, columns=[*COLUMNS, column])


def _rows(sweep: SweepFolder, values: Sequence[float]) -> Iterator[tuple[int, int, float, float]]:
    started = float(sweep.header["time"])
    completed = in_order_of_completion(sweep.trials)
    for number, (trial, value) in enumerate(zip(completed, values, strict=True), start=1):
        yield trial.index, number, trial.time - started, value


def _hypervolumes(sweep: SweepFolder, objectives: Sequence[Objective], reference: dict[str, float]) -> Sequence[float]:
    measured_from = [dataclasses.replace(each, threshold=reference[each.name]) for each in objectives]
    problem = dataclasses.replace(sweep.problem, objectives=tuple(measured_from))
    return hypervolume_trace(in_order_of_completion(sweep.trials), problem)


def _best_values(sweep: SweepFolder) -> Sequence[float]:
    """The best value so far after each trial."""
    best, values = BestSoFar(sweep.problem), []
    for trial in in_order_of_completion(sweep.trials):
        best.add(trial)
        found = best.best(sweep.problem.objectives[0])
        values.append(math.nan if found is None else found[0])
    return values


def _shared_objectives(sweeps: Sequence[SweepFolder]) -> Sequence[Objective]:
    """The objectives of the first sweep; the other sweeps may have them in another order."""
    first = sweeps[0]
    for other in sweeps[1:]:
        if _directions(other.problem) != _directions(first.problem):
            raise ConfigError(
                f"the sweeps must have the same objectives, got {_described(first.problem)} in {first.path}, and "
                f"{_described(other.problem)} in {other.path}"
            )
    return first.problem.objectives


def _reference(sweeps: Sequence[SweepFolder], objectives: Sequence[Objective]) -> tuple[dict[str, float], bool]:
    thresholds = {tuple(sorted((o.name, o.threshold) for o in sweep.problem.objectives)) for sweep in sweeps}
    if len(thresholds) == 1 and sweeps[0].problem.thresholds_given:
        return {o.name: float(o.threshold or 0.0) for o in objectives}, False
    free = tuple(dataclasses.replace(objective, threshold=None) for objective in objectives)
    outcomes: list[Outcome] = []
    for sweep in sweeps:
        problem: Problem = dataclasses.replace(sweep.problem, objectives=free)
        outcomes += [trial.outcome for trial in pareto_trials(sweep.trials, problem)]
    point = reference_point(dataclasses.replace(sweeps[0].problem, objectives=free), outcomes)
    if point is None:
        raise ConfigError("the sweeps must have a completed trial that meets the outcome constraints, got none")
    signs = (-1.0 if objective.minimize else 1.0 for objective in objectives)
    return {o.name: sign * float(value) for o, sign, value in zip(objectives, signs, point, strict=True)}, True


def _directions(problem: Problem) -> dict[str, bool]:
    return {objective.name: objective.minimize for objective in problem.objectives}


def _described(problem: Problem) -> str:
    return ", ".join(f"{'minimize' if o.minimize else 'maximize'} {o.name}" for o in problem.objectives)


def _names(sweeps: Sequence[SweepFolder]) -> list[str]:
    """The folders' names, with as many of their parents as are needed to tell them apart."""
    folders = [sweep.path for sweep in sweeps]
    for depth in range(1, max(len(folder.parts) for folder in folders) + 1):
        names = ["/".join(folder.parts[-depth:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [f"{folder} ({number})" for number, folder in enumerate(folders, start=1)]
