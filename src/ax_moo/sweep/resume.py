"""A folder that holds a sweep already: whether it may go on here, and what there is of it."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_moo.problem.difference import differences
from ax_moo.problem.problem import Problem
from ax_moo.storage import journal
from ax_moo.storage.base import Storage
from ax_moo.storage.journal_storage import JournalStorage
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.settings import Resume, Settings
from ax_moo.sweep.state import Cause, Reason
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial, TrialStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreviousRun:
    """What an earlier life of a sweep left behind: the journal's first line, and its trials in their last states.

    ``trials`` are in the order in which they came into these states, which is the order of the completions.
    """

    header: Mapping[str, Any]
    trials: Sequence[Trial]

    @classmethod
    def read(cls, storage: Storage) -> "PreviousRun | None":
        """What there is in the storage, None where no sweep has begun in it."""
        header = storage.header()
        return None if header is None else cls(header, storage.last_states())

    @property
    def started(self) -> float:
        return float(self.header["time"])

    @property
    def last_time(self) -> float:
        return max([self.started, *(trial.time for trial in self.trials)])

    @property
    def running(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.status is TrialStatus.RUNNING]

    def why_over(self, budget: Budget, now: float) -> Reason | None:
        """Why this sweep has nothing left to do, with what would make it go on; None where it has."""
        if self.running:
            return None
        if budget.has_failed(self.trials):
            why = f"too many of its trials failed (max_failure_rate={budget.max_failure_rate}); raise it to go on"
            return Reason(Cause.TOO_MANY_FAILURES, why)
        if budget.is_out_of_time(now - self.started):
            why = f"its time is up (timeout_hours={budget.timeout_hours}, from its first start); raise it to go on"
            return Reason(Cause.TIME_IS_UP, why)
        staged = any(trial.status is TrialStatus.STAGED for trial in self.trials)
        if budget.remaining(self.trials) == 0 and not staged:
            why = f"all of its {len(self.trials)} trials were run; raise hydra.sweeper.n_trials to go on"
            return Reason(Cause.BUDGET_USED, why)
        return None


def check(folder: Path, problem: Problem, resume: Resume) -> None:
    """Whether a sweep for this problem may begin, or go on, in the folder.

    Raises:
        ConfigError: ``resume`` forbids it, or the folder holds a sweep for another problem, which is then compared.
    """
    where, header = "hydra.sweep.dir", journal.header(folder)
    if header is None:
        if resume == Resume.REQUIRE:
            raise ConfigError(
                f"hydra.sweeper.resume: is require, and {folder} holds no sweep; name its folder with {where}, or set"
                " resume=auto to begin one"
            )
        return
    if journal.PULLED in header:
        raise ConfigError(f"{where}: {folder} is a copy of a sweep in W&B, which cannot go on; name another folder")
    if resume == Resume.NEVER:
        raise ConfigError(
            f"{where}: {folder} holds a sweep already; name another folder ({where}=..., or the key that your config"
            " makes it from), remove this one, or go on with hydra.sweeper.resume=auto"
        )
    found = differences(Problem.from_dict(header["problem"]), problem)
    if found:
        raise ConfigError(
            f"{where}: {folder} holds a sweep for another problem: {'; '.join(found)}; go back to that problem, or"
            f" name another folder ({where}=..., or the key that your config makes it from)"
        )


def past(folder: Path) -> PreviousRun | None:
    """What there is of the folder's sweep, None where there is none."""
    return PreviousRun.read(JournalStorage(folder))


def as_recorded(problem: Problem, header: Mapping[str, Any]) -> Problem:
    """The problem with its parameters in the order that the journal has them: the optimizer's points depend on it."""
    recorded = Problem.from_dict(header["problem"])
    by_name = {parameter.name: parameter for parameter in problem.search_space.parameters}
    parameters = tuple(by_name[name] for name in recorded.search_space.names)
    if recorded.search_space.overrides != problem.search_space.overrides:
        before, now = (" ".join(p.search_space.overrides) or "none" for p in (recorded, problem))
        log.warning("Trials ran with the overrides %s, and from now on run with %s", before, now)
    space = dataclasses.replace(problem.search_space, parameters=parameters)
    return dataclasses.replace(
        problem,
        search_space=space,
        outcome_constraints=recorded.outcome_constraints,
        parameter_constraints=recorded.parameter_constraints,
    )


def with_recorded_seed(settings: Settings, header: Mapping[str, Any]) -> Settings:
    """The settings with the seed that the sweep began with, unless another one is asked for."""
    if header.get("method", settings.method) != settings.method:
        log.info("method was %s, and from now on is %s", header["method"], settings.method)
    if settings.seed is None:
        return dataclasses.replace(settings, seed=header.get("seed"))
    if settings.seed != header.get("seed"):
        log.info("seed was %s, and from now on is %d", header.get("seed"), settings.seed)
    return settings
