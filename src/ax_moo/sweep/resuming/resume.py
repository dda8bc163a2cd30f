"""Resuming a sweep: checks whether the one in the folder may go on, and reads what its earlier runs recorded."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_moo.optimizer.encoding import SpaceEncoding
from ax_moo.problem.constraints import as_written, written_otherwise
from ax_moo.problem.difference import differences
from ax_moo.problem.problem import Problem
from ax_moo.storage import journal
from ax_moo.storage.base import Storage
from ax_moo.storage.journal import check as journal_check
from ax_moo.storage.journal_storage import JournalStorage
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.improvement import Improvement
from ax_moo.sweep.resuming.copies import check_has_no_living_original
from ax_moo.sweep.settings import Resume, Settings
from ax_moo.sweep.state import Cause, Reason
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial, TrialStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreviousRun:
    """What earlier runs of a sweep recorded: the journal's first line, and the trials in their last states.

    ``trials`` are in the order in which they entered these states, so the completed ones are in order of completion.
    """

    header: Mapping[str, Any]
    trials: Sequence[Trial]

    @classmethod
    def read(cls, storage: Storage, path: Path = Path(journal.JOURNAL_FILE)) -> "PreviousRun | None":
        """The run that the storage holds, or None where no sweep has begun in it; ``path`` is for messages.

        Raises:
            ConfigError: what the storage holds cannot be the course of one sweep.
        """
        header = storage.header()
        if header is None:
            return None
        problem = journal_check.described_problem(header, path)
        trials = journal_check.checked_states(header, problem, storage.events(), path)
        _check_arms(trials, problem, path)
        return cls(header, trials)

    @property
    def sweep_id(self) -> str:
        return journal.id_of(self.header)

    @property
    def started(self) -> float:
        return float(self.header["time"])

    @property
    def last_time(self) -> float:
        return max([self.started, *(trial.time for trial in self.trials)])

    @property
    def running(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.status is TrialStatus.RUNNING]

    def why_over(self, budget: Budget, now: float, improvement: Improvement | None = None) -> Reason | None:
        """The reason why this sweep has nothing left to do, and how to make it go on; None if work is left."""
        if self.running:
            return None
        if budget.has_failed(self.trials):
            why = f"too many of its trials failed (max_failure_rate={budget.max_failure_rate}); raise it to go on"
            return Reason(Cause.TOO_MANY_FAILURES, why)
        if budget.is_out_of_time(now - self.started):
            why = f"its time is up (timeout_hours={budget.timeout_hours}, from its first start); raise it to go on"
            return Reason(Cause.TIME_IS_UP, why)
        staged = any(trial.status is TrialStatus.STAGED for trial in self.trials)
        if improvement and improvement.has_ended and not staged:
            why = f"{improvement.why}; raise it, or set hydra.sweeper.stop_when=null, to go on"
            return Reason(Cause.NO_IMPROVEMENT, why)
        if budget.remaining(self.trials) == 0 and not staged:
            why = f"all of its {len(self.trials)} trials were run; raise hydra.sweeper.n_trials to go on"
            return Reason(Cause.BUDGET_USED, why)
        return None


def told_and_held_back(previous: Sequence[Trial]) -> tuple[Sequence[Trial], Sequence[Trial]]:
    """The trials as the optimizer knew them when it was last asked for a candidate that the journal does not have.

    The finished trials of which it was told later are held back: among the first ones they are still running.
    """
    asked = previous[-1].next_knows if previous else ()
    if not asked:
        return previous, []
    held_back = [trial for trial in previous if trial.status.is_finished][asked[0] :]
    late = {trial.index for trial in held_back}
    running = TrialStatus.RUNNING
    told = [trial.to(running, outcome=None, time=trial.time) if trial.index in late else trial for trial in previous]
    return told, held_back


def was_starting_trials(last: Trial) -> bool:
    """Whether a sweeper that was killed after it had recorded this state was filling its free slots."""
    return last.status is TrialStatus.RUNNING or (last.status is TrialStatus.STAGED and not last.previous_attempts)


def _check_arms(trials: Sequence[Trial], problem: Problem, path: Path) -> None:
    """Refuse an arm that is another point than its parameterization: the optimizer would learn from it, or fail."""
    encoding = SpaceEncoding(problem)
    for trial in trials:
        if trial.arm is not None and not encoding.belong_together(trial.arm, trial.parameterization):
            raise ConfigError(
                f"{path}: the arm of trial {trial.index} is another point than its parameterization; put a copy of the"
                " file in its place, or take the key arm out of this trial's lines"
            )


def check(folder: Path, problem: Problem, resume: Resume) -> None:
    """Check that a sweep for this problem may begin, or go on, in the folder.

    Raises:
        ConfigError: ``resume`` forbids it, or the folder holds a sweep for another problem; the message lists the
            differences.
    """
    where, header = "hydra.sweep.dir", journal.header(folder)
    if header is None:
        if resume == Resume.REQUIRE:
            raise ConfigError(
                f"hydra.sweeper.resume: require needs a folder that holds a sweep, and {folder} holds none; name the"
                f" sweep's folder with {where}, or set resume=auto to begin a sweep"
            )
        return
    if journal.PULLED in header:
        raise ConfigError(f"{where}: {folder} is a copy of a sweep in W&B, which cannot go on; name another folder")
    check_has_no_living_original(folder)
    if resume == Resume.NEVER:
        raise ConfigError(
            f"{where}: {folder} holds a sweep already; name another folder ({where}=..., or the key that your config"
            " makes it from), go on with hydra.sweeper.resume=auto, or move that sweep aside with"
            " hydra.sweeper.resume=fresh"
        )
    found = differences(journal_check.described_problem(header, folder / journal.JOURNAL_FILE), problem)
    if found:
        raise ConfigError(
            f"{where}: {folder} holds a sweep for another problem: {'; '.join(found)}; go back to that problem, or"
            f" name another folder ({where}=..., or the key that your config makes it from), or move that sweep aside"
            " with hydra.sweeper.resume=fresh"
        )


def previous_run(folder: Path) -> PreviousRun | None:
    """The run that the folder's journal holds, or None where there is no journal."""
    return PreviousRun.read(JournalStorage(folder), folder / journal.JOURNAL_FILE)


def as_recorded(problem: Problem, header: Mapping[str, Any]) -> Problem:
    """The problem with its parameters in the journal's order, on which the optimizer's proposals depend."""
    recorded = Problem.from_dict(header["problem"])
    by_name = {parameter.name: parameter for parameter in problem.search_space.parameters}
    parameters = tuple(by_name[name] for name in recorded.search_space.names)
    if recorded.search_space.overrides != problem.search_space.overrides:
        before, now = (" ".join(p.search_space.overrides) or "none" for p in (recorded, problem))
        log.warning("Earlier trials ran with the overrides %s, new trials run with %s", before, now)
    space = dataclasses.replace(problem.search_space, parameters=parameters)
    written = written_otherwise((*problem.outcome_constraints, *problem.parameter_constraints))
    return dataclasses.replace(
        problem,
        search_space=space,
        outcome_constraints=tuple(as_written(each, written) for each in recorded.outcome_constraints),
        parameter_constraints=tuple(as_written(each, written) for each in recorded.parameter_constraints),
    )


def with_recorded_seed(settings: Settings, header: Mapping[str, Any]) -> Settings:
    """The settings with the seed that the sweep began with, unless the config names another seed."""
    if header.get("method", settings.method) != settings.method:
        log.info("method changes from %s to %s", header["method"], settings.method)
    if settings.seed is None:
        return dataclasses.replace(settings, seed=header.get("seed"))
    if settings.seed != header.get("seed"):
        log.info("seed changes from %s to %d", header.get("seed"), settings.seed)
    return settings
