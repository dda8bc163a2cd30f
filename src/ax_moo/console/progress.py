"""Shows a sweep's progress on the console, as log lines or as a table that is redrawn on a terminal."""

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ax_moo.console.plain import open_console, shown
from ax_moo.console.summary import assignments, best_value, clock, lost_attempt, measured_values
from ax_moo.jobs.logs import log_of
from ax_moo.problem.best_so_far import BestSoFar
from ax_moo.problem.problem import Problem
from ax_moo.sweep.observers import Observer, Progress
from ax_moo.sweep.settings import ProgressStyle
from ax_moo.system.terminal import draws_blocks, shows_output
from ax_moo.trial import Trial, TrialStatus

if TYPE_CHECKING:
    from rich.table import Table

log = logging.getLogger(__name__)


def console_observer(progress: ProgressStyle) -> Observer | None:
    """The observer that ``hydra.sweeper.progress`` names, or None for ``none``."""
    if progress == ProgressStyle.NONE:
        return None
    if progress == ProgressStyle.BAR or (progress == ProgressStyle.AUTO and shows_output()):
        return LiveTable()
    return LogLines()


class LogLines:
    """Writes one log line per event."""

    def open(self, problem: Problem, trials: Sequence[Trial]) -> None:
        self._problem = problem
        self._so_far = BestSoFar(problem, trials)

    def on_trial_state(self, trial: Trial) -> None:
        match trial.status:
            case TrialStatus.STAGED if trial.previous_attempts:
                log.warning("%s", lost_attempt(trial))
            case TrialStatus.RUNNING if trial.reason is None:
                job = trial.job.job_id if trial.job else "?"
                log.info("Trial %d runs as job %s: %s", trial.index, job, assignments(trial, self._problem))
            case TrialStatus.COMPLETED if trial.outcome:
                self._so_far.add(trial)
                log.info("Trial %d completed: %s; %s", trial.index, measured_values(trial.outcome), self._best())
            case TrialStatus.FAILED | TrialStatus.ABANDONED | TrialStatus.EARLY_STOPPED:
                level = logging.WARNING if trial.status is TrialStatus.FAILED else logging.INFO
                log.log(level, "Trial %d %s: %s%s", trial.index, trial.status.lower(), trial.reason, _log_hint(trial))

    def _best(self) -> str:
        if not self._problem.is_multi_objective:
            return f"best {best_value(self._problem.objectives[0], self._so_far)}"
        if not self._problem.thresholds_given:
            # An inferred reference point moves with every result, so hypervolumes could not be compared.
            return f"{len(self._so_far.front)} trials on the frontier"
        return f"hypervolume {self._so_far.hypervolume:.6g}"

    def on_poll(self, progress: Progress) -> None:
        pass

    def close(self) -> None:
        pass


class LiveTable:
    """A table on the terminal that is redrawn while the sweep runs."""

    def open(self, problem: Problem, trials: Sequence[Trial]) -> None:
        from rich.live import Live

        self._problem = problem
        self._so_far = BestSoFar(problem, trials)
        self._live: Live = Live(console=open_console(None), refresh_per_second=4, transient=True)
        self._live.start()
        self._redirected = _redirect_log_handlers()

    def on_trial_state(self, trial: Trial) -> None:
        self._so_far.add(trial)
        if trial.status is TrialStatus.STAGED and trial.previous_attempts:
            self._live.console.print(shown(lost_attempt(trial), "yellow"))
        if trial.status is TrialStatus.FAILED:
            self._live.console.print(shown(f"Trial {trial.index} failed: {trial.reason}{_log_hint(trial)}", "red"))

    def on_poll(self, progress: Progress) -> None:
        self._live.update(self._table(progress))

    def close(self) -> None:
        for handler, stream in self._redirected:
            handler.setStream(stream)
        self._live.stop()

    def _table(self, progress: Progress) -> "Table":
        from rich.table import Table

        table = Table(show_header=False, title="ax_moo sweep", title_justify="left")
        for name, value in self._rows(progress).items():
            table.add_row(shown(name), shown(value))
        return table

    def _rows(self, progress: Progress) -> dict[str, str]:
        done, total = progress.count(TrialStatus.COMPLETED), progress.budget.n_trials
        failed, running = progress.count(TrialStatus.FAILED), progress.count(TrialStatus.RUNNING)
        filled = round(24 * (done + failed) / total)
        full, empty = "█░" if draws_blocks() else "#."
        bar = full * filled + empty * (24 - filled)
        rows = {
            "trials": f"{bar} {done} done, {running} running, {failed} failed of {total}",
            "time": f"{clock(progress.elapsed)} so far, {clock(progress.seconds_left)} left",
            "candidate": "being prepared" if progress.is_asking else "-",
        }
        if len(self._so_far) != done:
            for trial in progress.trials:
                self._so_far.add(trial)
        return rows | self._results()

    def _results(self) -> dict[str, str]:
        rows = {f"best {each.name}": best_value(each, self._so_far) for each in self._problem.objectives}
        if len(self._so_far) and self._problem.is_multi_objective:
            volume = f", hypervolume {self._so_far.hypervolume:.6g}" if self._problem.thresholds_given else ""
            rows["frontier"] = f"{len(self._so_far.front)} trials{volume}"
        return rows


def _log_hint(trial: Trial) -> str:
    return f" (log: {log_of(trial.job)})" if trial.job and trial.job.folder else ""


def _redirect_log_handlers() -> list[tuple["logging.StreamHandler[Any]", Any]]:
    """Send log lines to the live table's console, which prints them above the table."""
    redirected = []
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler and handler.stream in (sys.__stdout__, sys.__stderr__):
            redirected.append((handler, handler.stream))
            handler.setStream(sys.stdout)
    return redirected
