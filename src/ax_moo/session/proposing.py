"""Who proposes the candidates of a sweep: a design that needs no Ax, and Ax."""

from collections.abc import Sequence

from ax_moo.jobs.launcher import AsyncLauncher
from ax_moo.optimizer.base import Optimizer
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.optimizer.interruptible import uninterrupted
from ax_moo.problem.problem import Problem
from ax_moo.sweep.settings import Settings
from ax_moo.system.garbage import uncollected
from ax_moo.trial import Trial


def optimizer_after(problem: Problem, settings: Settings, previous: Sequence[Trial]) -> Optimizer:
    # Ax takes seconds to import. The background thread calls this, so that the loop does not wait for the import.
    with uninterrupted(), uncollected():
        from ax_moo.optimizer.bayes.ax_client import AxOptimizer

    optimizer = AxOptimizer(problem, settings.method, settings.seed, settings.before_model, settings.initial)
    optimizer.replay(previous)
    return optimizer


def initial_design(problem: Problem, settings: Settings, launcher: AsyncLauncher) -> InitialDesign | None:
    """The candidates that need no Ax; None where Ax would be imported while a job runs in this process."""
    if settings.seed is None:
        return None
    design = InitialDesign(
        problem, settings.method, settings.seed, settings.before_model, settings.initial, settings.n_trials
    )
    return design if design.is_all or not launcher.is_blocking else None
