"""A sweep that has nothing left to do when it is started again."""

import time
from pathlib import Path

from ax_moo.problem.problem import Problem
from ax_moo.results.tables import is_written, write_results
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.improvement import Improvement
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.resuming.resume import PreviousRun
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.state import Reason
from ax_moo.system import disk
from ax_moo.system.terminal import say


def why_over(previous_run: PreviousRun | None, problem: Problem, settings: Settings) -> Reason | None:
    """None if there is something left to do."""
    if previous_run is None:
        return None
    budget = Budget(settings.n_trials, settings.timeout_hours, settings.max_failure_rate)
    improvement = Improvement(problem, settings.no_improvement, previous_run.trials)
    return previous_run.why_over(budget, time.time(), improvement)


def finish_over(over: Reason, previous_run: PreviousRun, problem: Problem, folder: Path) -> int:
    """Report that the sweep has nothing left to do; its tables are written if a kill at the very end prevented it."""
    trials = sorted(previous_run.trials, key=lambda trial: trial.index)
    if not is_written(folder):
        disk.until_written(lambda: write_results(folder, trials, problem), folder)
    say(f"the sweep in {folder} is over: {over.words}")
    return SweepResult(trials, over).exit_code
