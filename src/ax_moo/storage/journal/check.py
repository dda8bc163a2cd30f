"""Checks that the lines of a journal tell one course of events that a sweep can have had."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.search_space.parameters import identity
from ax_moo.search_space.space import Fixed
from ax_moo.storage.journal.format import PULLED
from ax_moo.storage.journal.lines import BadJournal
from ax_moo.storage.journal.schema import problem_complaint
from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import is_finite_number
from ax_moo.trial import Outcome, Parameterization, Trial, TrialStatus

_RANK = {TrialStatus.STAGED: 0, TrialStatus.RUNNING: 1}
_WITH_OUTCOME = (TrialStatus.COMPLETED, TrialStatus.EARLY_STOPPED)


def described_problem(header: Mapping[str, Any], path: Path) -> Problem:
    """The problem in the header of the journal at this path.

    Raises:
        BadJournal: the header describes no sweep.
    """
    complaint = problem_complaint(header["problem"]) or ("time is missing" if "time" not in header else None)
    if complaint is None:
        try:
            return Problem.from_dict(header["problem"])
        except (ConfigError, TypeError, ValueError, KeyError) as error:
            complaint = str(error)
    raise BadJournal(path, 1, f"does not describe a sweep ({complaint})")


def checked_states(header: Mapping[str, Any], problem: Problem, events: Iterable[Trial], path: Path) -> list[Trial]:
    """Each trial in its last state, in the order in which the trials entered these states.

    Raises:
        BadJournal: the states cannot be those of one sweep.
    """
    check = JournalCheck(header, problem)
    for number, trial in enumerate(events, start=2):
        if complaint := check.complaint(trial):
            raise BadJournal(path, number, f"cannot be true ({complaint})")
        check.note(number, trial)
    if gap := check.gap():
        raise BadJournal(path, *gap)
    return check.trials


class JournalCheck:
    """Follows the trials of one sweep through their states.

    A line that is there twice in a row for its trial does no harm. A copy from W&B may lack any line.
    """

    def __init__(self, header: Mapping[str, Any], problem: Problem) -> None:
        self._is_copy = PULLED in header
        self._problem = problem
        self._last: dict[int, Trial] = {}
        self._begun: dict[int, int] = {}
        self._first_outcome: Outcome | None = None

    @property
    def trials(self) -> list[Trial]:
        """Each trial in its last state, in the order in which the trials entered these states."""
        return list(self._last.values())

    def complaint(self, trial: Trial) -> str | None:
        """Why the trial cannot be in this state after the states that were noted; None where it can."""
        before = self._last.get(trial.index)
        why = None
        if before is None or repr(before.parameterization) != repr(trial.parameterization):
            why = self._in_parameterization(trial.parameterization, before)
        elif before == trial:
            return None
        why = why or self._in_state(trial) or (_after(before, trial) if before else None)
        return f"trial {trial.index} {why}" if why else None

    def note(self, number: int, trial: Trial) -> None:
        """Note the state in the line of this number."""
        if self._last.get(trial.index) == trial:
            return
        self._begun.setdefault(trial.index, number)
        self._last.pop(trial.index, None)
        self._last[trial.index] = trial
        if trial.status is TrialStatus.COMPLETED and self._first_outcome is None:
            self._first_outcome = trial.outcome

    def gap(self) -> tuple[int, str] | None:
        """The line and the complaint where a trial begins although one with a smaller number never does."""
        for expected, index in enumerate(sorted(self._last)):
            if index != expected and not self._is_copy:
                return self._begun[index], f"cannot be true (trial {index} begins, and trial {expected} never does)"
        return None

    def _in_state(self, trial: Trial) -> str | None:
        if trial.status is TrialStatus.RUNNING and trial.job is None:
            return "is RUNNING without a job"
        if trial.outcome is not None and trial.status not in _WITH_OUTCOME:
            return f"is {trial.status} and has an outcome"
        return self._in_outcome(trial.outcome or {}) if trial.status is TrialStatus.COMPLETED else None

    def _in_parameterization(self, parameterization: Parameterization, before: Trial | None) -> str | None:
        for parameter in self._problem.search_space.parameters:
            if parameter.name not in parameterization:
                if isinstance(parameter, Fixed):
                    continue
                return f"has no value of {parameter.name!r}"
            try:
                parameter.accept(parameterization[parameter.name])
            except ValueError as error:
                return f"has a wrong value: {parameter.name} {error}"
        if before is not None and identity(before.parameterization) != identity(parameterization):
            return "has another parameterization than before"
        return None

    def _in_outcome(self, outcome: Outcome) -> str | None:
        for name in self._problem.metric_names:
            if name not in outcome:
                return f"is COMPLETED without a value of {name!r}"
            measured = outcome[name]
            mean, sem = measured if isinstance(measured, tuple) else (measured, 0.0)
            if not (is_finite_number(mean) and is_finite_number(sem) and sem >= 0):
                return f"has a value of {name!r} that is not finite: {measured}"
            if isinstance(measured, tuple) is not isinstance((self._first_outcome or outcome)[name], tuple):
                return f"has a value of {name!r} with an SEM, or without one, other than the trials before it"
        return None


def _after(before: Trial, trial: Trial) -> str | None:
    """Why a trial cannot have entered this state after the one before."""
    if before.status.is_finished:
        return f"was {before.status} already, and its state does not change after that"
    if _place(trial) < _place(before):
        return f"was {before.status} at attempt {before.attempt}, and cannot be {trial.status} at {trial.attempt} then"
    if _attempts(trial)[: len(before.previous_attempts)] != _attempts(before):
        return "has other earlier attempts than before"
    return None if before.arm == trial.arm else "has another arm than before"


def _place(trial: Trial) -> tuple[int, int]:
    return trial.attempt, _RANK.get(trial.status, 2)


def _attempts(trial: Trial) -> Sequence[str]:
    return [each.job.job_id for each in trial.previous_attempts]
