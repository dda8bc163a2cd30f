"""What trains a trial of a sweep once more: which trial, and with which command line."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ax_moo.problem.frontier import as_maximization, pareto_trials
from ax_moo.problem.problem import Problem
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
