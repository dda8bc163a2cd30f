"""Compares several sweeps by hypervolume over trials and over time, measured from one reference point."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ax_moo.problem.frontier import hypervolume_trace, pareto_trials, reference_point
from ax_moo.problem.objectives import Objective
from ax_moo.problem.problem import Problem
from ax_moo.results.notebook import in_order_of_completion
from ax_moo.storage.folder import SweepFolder
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Outcome

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("sweep", "trial", "finished", "time", "hypervolume")


@dataclass(frozen=True)
class Comparison:
    """``reference`` is in the objectives' own units; ``table`` has a row per completed trial of each sweep.

    The table's columns are COLUMNS: ``finished`` counts the sweep's completed trials, ``time`` is in seconds since the
    sweep's start.
    """

    names: Sequence[str]
    reference: dict[str, float]
    is_inferred: bool
    table: "pd.DataFrame"


def compare(sweeps: Sequence[SweepFolder]) -> Comparison:
    """Measure all sweeps from one point: their thresholds where all have the same, else a point that is inferred.

    Raises:
        ConfigError: the sweeps have different objectives, or no completed trial meets its outcome constraints.
    """
    import pandas as pd

    objectives = _shared_objectives(sweeps)
    reference, is_inferred = _reference(sweeps, objectives)
    names = _names([sweep.path for sweep in sweeps])
    rows = [
        (name, *row) for name, sweep in zip(names, sweeps, strict=True) for row in _trace(sweep, objectives, reference)
    ]
    return Comparison(names, reference, is_inferred, pd.DataFrame(rows, columns=list(COLUMNS)))


def _trace(
    sweep: SweepFolder, objectives: Sequence[Objective], reference: dict[str, float]
) -> list[tuple[int, int, float, float]]:
    measured_from = [dataclasses.replace(each, threshold=reference[each.name]) for each in objectives]
    problem = dataclasses.replace(sweep.problem, objectives=tuple(measured_from))
    completed = in_order_of_completion(sweep.trials)
    started = float(sweep.header["time"])
    volumes = hypervolume_trace(completed, problem)
    return [
        (trial.index, number, trial.time - started, volume)
        for number, (trial, volume) in enumerate(zip(completed, volumes, strict=True), start=1)
    ]


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


def _names(folders: Sequence[Path]) -> list[str]:
    """The folders' names, with as many of their parents as are needed to tell them apart."""
    for depth in range(1, max(len(folder.parts) for folder in folders) + 1):
        names = ["/".join(folder.parts[-depth:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [f"{folder} ({number})" for number, folder in enumerate(folders, start=1)]
