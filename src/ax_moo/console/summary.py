"""Formats a sweep's results as sentences and tables for a terminal."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ax_moo.console.plain import shown
from ax_moo.jobs.logs import log_of
from ax_moo.optimizer.base import is_after_the_design
from ax_moo.problem.best_so_far import BestSoFar
from ax_moo.problem.frontier import hypervolume_of, is_feasible, mean, pareto_trials
from ax_moo.problem.problem import Objective, Problem
from ax_moo.system.text import visible
from ax_moo.trial import Outcome, ParameterValue, Trial, completed

if TYPE_CHECKING:
    from rich.table import Table


def best_value(objective: Objective, so_far: BestSoFar) -> str:
    """The best value of one objective among the feasible trials, with the number of its trial."""
    found = so_far.best(objective)
    return "-" if found is None else f"{found[0]:.6g} (trial {found[1]})"


def frontier_table(trials: Sequence[Trial], problem: Problem) -> "Table":
    """The Pareto frontier (with one objective: the best trial) as a rich table, sorted by the first objective."""
    from rich.markup import escape
    from rich.table import Table

    front = pareto_trials(trials, problem)
    first = problem.objectives[0]
    front.sort(key=lambda t: mean(t.outcome[first.name]), reverse=not first.minimize)
    parameters = [p.name for p in problem.search_space.parameters]
    title = "Pareto frontier" if problem.is_multi_objective else "Best trial"
    table = Table(title=title, title_justify="left")
    for name in ("trial", *problem.metric_names, *parameters):
        table.add_column(escape(visible(name)), overflow="fold")
    for trial in front:
        values = [f"{mean(trial.outcome[name]):.6g}" for name in problem.metric_names]
        point = problem.search_space.shown(trial.parameterization)
        chosen = [shown(_short(point[p])) for p in parameters]
        table.add_row(str(trial.index), *values, *chosen)
    return table


def closing_lines(trials: Sequence[Trial], problem: Problem) -> list[str]:
    """Sentences with the counts of the trials by status, and the hypervolume."""
    counts = Counter(str(trial.status).lower() for trial in trials)
    found = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    lines = [f"{len(trials)} trials: {found}" if found else "no trial was started"]
    if failed := [trial for trial in trials if trial.model_failed]:
        of = sum(map(is_after_the_design, trials))
        why = f"because the model failed (last: {failed[-1].model_failed})"
        lines.append(f"{len(failed)} of {of} candidates after the initial design are Sobol points, {why}")
    measured = completed(trials)
    if problem.is_multi_objective and measured:
        reference = "the thresholds" if problem.thresholds_given else "a reference point inferred from the trials"
        lines.append(f"hypervolume {hypervolume_of(measured, problem):.6g} above {reference}")
    if measured and not any(is_feasible(trial.outcome, problem) for trial in measured):
        lines.append("no trial meets all thresholds and outcome constraints, so the frontier is empty")
    return lines


def clock(seconds: float | None) -> str:
    """The duration as h:mm:ss."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def assignments(trial: Trial, problem: Problem) -> str:
    point = problem.search_space.shown(trial.parameterization)
    return " ".join(f"{name}={_short(value)}" for name, value in point.items())


def lost_attempt(trial: Trial) -> str:
    """The message that an attempt has failed and that the trial gets another one."""
    number, last = len(trial.previous_attempts), trial.previous_attempts[-1]
    where = f" (log: {log_of(last.job)})" if last.job.folder else ""
    return f"Trial {trial.index}: attempt {number} ended: {last.reason}{where}; the trial gets another attempt"


def measured_values(outcome: Outcome) -> str:
    return ", ".join(f"{name}={mean(value):.6g}" for name, value in outcome.items())


def _short(value: ParameterValue) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
