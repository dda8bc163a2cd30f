"""What trains a trial of a sweep once more: which trial, and with which command line."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ax_moo.problem.frontier import as_maximization, pareto_trials
from ax_moo.problem.problem import Problem
from ax_moo.storage.trial_folders import trial_folders
from ax_moo.trial import Trial

ONE_RUN = "hydra.mode=RUN"


def command_of(trial: Trial, problem: Problem, about: Mapping[str, Any], given: Sequence[str] | None = None) -> str:
    """The command that runs this trial's training alone, or only its overrides where the program is not recorded.

    It is quoted for a shell. Secrets are in it as they were given. ``given`` are the overrides that the trial's job
    had, where they are known: what is fixed for all trials may have changed when the sweep was resumed.
    """
    training = about.get("training")
    overrides = shlex.join(given or problem.search_space.to_overrides(trial.parameterization))
    return f"{training} {overrides}" if isinstance(training, str) else overrides


def given_overrides(folder: Path, sweep_id: str, trials: Iterable[int]) -> dict[int, list[str]]:
    """The overrides of these trials' jobs, as Hydra has noted them in their folders, where they are there."""
    folders = trial_folders(folder, sweep_id)
    found = {trial: _noted(folders.get(trial, ())) for trial in trials}
    return {trial: overrides for trial, overrides in found.items() if overrides is not None}


def _noted(folders: Sequence[Path]) -> list[str] | None:
    for folder in reversed(folders):
        with suppress(OSError, ValueError, yaml.YAMLError):
            found = yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text(encoding="utf-8"))
            if isinstance(found, list) and all(isinstance(each, str) for each in found):
                return found
    return None


def fixed_overrides(problem: Problem, given: Sequence[str] | None = None) -> list[str]:
    """What was fixed for a trial on the command line: the overrides of its job without the parameters."""
    if given is None:
        return list(problem.search_space.overrides)
    names = {each.name for each in problem.search_space.parameters}
    return [each for each in given if each.partition("=")[0].lstrip("+") not in names]


def nearest_to_ideal(trials: Sequence[Trial], problem: Problem) -> Trial | None:
    """The trial on the frontier that is nearest to the best value of every objective; None without a frontier.

    Each objective counts by its extent on the frontier. With one objective it is the best trial.
    """
    front = pareto_trials(trials, problem)
    if not front:
        return None
    points = as_maximization([trial.outcome for trial in front], problem.objectives)
    best, extent = points.max(axis=0), np.ptp(points, axis=0)
    lacking = (best - points) / np.where(extent > 0, extent, 1.0)
    return front[int(np.argmin(np.square(lacking).sum(axis=1)))]
