"""Sweep folders that no sweep has made: a journal alone, for those who only read it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.storage.journal import Journal
from ax_moo.trial import Job, Trial, TrialStatus

BEGUN = 1_700_000_000.0


def write_journal(folder: Path, problem: Problem, events: Sequence[Trial], **about: Any) -> Path:
    """The journal of a sweep that began at BEGUN, with these states of its trials in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(Journal(folder)) as journal:
        told = {"time": BEGUN, "n_trials": 8, "n_jobs": 2, "method": "sobol", "seed": 0, **about}
        journal.begin(problem.to_dict(), told)
        for event in events:
            journal.record(event)
    return folder


def staged(index: int, parameterization: Mapping[str, Any], at: float) -> Trial:
    return Trial(index, parameterization, generation_node="Sobol", time=BEGUN + at)


def running(trial: Trial, at: float, job: str = "") -> Trial:
    started = Job(job or str(trial.index), "")
    return trial.to(TrialStatus.RUNNING, job=started, time=BEGUN + at)


def life(
    index: int, parameterization: Mapping[str, Any], outcome: Any, begin: float, end: float, status: str = "COMPLETED"
) -> list[Trial]:
    """The three states of a trial; a text as outcome is the reason of a failure."""
    first = staged(index, parameterization, begin)
    second = running(first, begin)
    if isinstance(outcome, str):
        return [first, second, second.to(TrialStatus.FAILED, reason=outcome, time=BEGUN + end)]
    return [first, second, second.to(TrialStatus(status), outcome=outcome, time=BEGUN + end)]
