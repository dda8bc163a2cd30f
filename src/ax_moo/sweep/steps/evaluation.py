"""Decides the next state of a trial whose job has ended: COMPLETED, FAILED or STAGED again.

The application's return value becomes an Outcome, or a sentence that says what is wrong with it.
"""

import logging
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from ax_moo.jobs.launcher import JobHandle, JobResult, JobState
from ax_moo.problem.objectives import DEFAULT_NAME
from ax_moo.problem.problem import Problem
from ax_moo.sweep.steps.cancellation import CANCELLED
from ax_moo.system.contained import contained
from ax_moo.system.text import error_line, one_line, shortened
from ax_moo.trial import Measured, Outcome, Trial, TrialStatus

log = logging.getLogger(__name__)


def next_state(
    trial: Trial,
    handle: JobHandle,
    state: JobState,
    problem: Problem,
    earlier_outcome: Outcome | None,
    retries: int,
    now: float,
) -> Trial:
    """The trial in its next state: completed, failed, or staged again where its job was lost.

    Only a lost job gets another attempt: the application would repeat its own mistake.
    """
    result = handle.result()
    if state is JobState.LOST and trial.reason == CANCELLED:
        return trial.retry(CANCELLED, counts=False, time=now)
    if result.error is not None:
        if state is JobState.LOST:
            return _after_loss(trial, result, retries, now)
        return trial.to(TrialStatus.FAILED, reason=result.error, time=now)
    try:
        with contained():
            outcome = to_outcome(result.value, problem)
        check_sems(outcome, earlier_outcome, problem)
    except BadOutcome as error:
        return trial.to(TrialStatus.FAILED, reason=one_line(str(error)), time=now)
    except Exception as error:  # the returned object may run code of its own when it is read
        reason = f"the app's return value cannot be read: {error_line(error)}"
        return trial.to(TrialStatus.FAILED, reason=reason, time=now)
    if earlier_outcome is None and is_unnamed_pair(result.value, problem):
        log.warning(
            "Trial %d returned a pair, which is taken for (mean, SEM) of one objective; for two objectives name both in"
            " hydra.sweeper.objectives",
            trial.index,
        )
    return trial.to(TrialStatus.COMPLETED, outcome=outcome, reason=None, time=now)


def _after_loss(trial: Trial, result: JobResult, retries: int, now: float) -> Trial:
    """The trial staged for another attempt, or failed. A loss that is nobody's fault uses up no retry."""
    why, is_nobodys = result.error or "", result.fault is not None and result.fault.is_nobodys
    if is_nobodys:
        has_another = sum(fault.is_nobodys for fault in trial.faults) + 1 < MOST_BY_NOBODYS_FAULT
    else:
        has_another = trial.retries_used < retries
    if has_another:
        return trial.retry(why, not is_nobodys, result.fault, result.node, time=now)
    if is_nobodys:
        why = f"{why}; {MOST_BY_NOBODYS_FAULT} attempts ended like this by nobody's fault, and it gets no more"
    return trial.to(TrialStatus.FAILED, reason=why, fault=result.fault, node=result.node or None, time=now)


MOST_BY_NOBODYS_FAULT = 20
"""So many attempts of a trial may be preempted or lose their node: then something is wrong with the cluster."""

LARGEST = 1e100
"""A larger value overflows the surrogate's variances, and Ax then proposes no further candidate."""


class BadOutcome(Exception):
    """The application's return value cannot be used; the message is the trial's reason."""


def to_outcome(value: Any, problem: Problem) -> Outcome:
    """The outcome in a task function's return value: a mapping, a sequence, or a number or (mean, sem).

    Raises:
        BadOutcome: the value is none of these, a metric is missing, or a metric is not a finite number.
    """
    metrics = _by_name(value, problem)
    missing = [name for name in problem.metric_names if name not in metrics]
    if missing:
        raise BadOutcome(
            f"the app must return {_names(problem)}, got {', '.join(map(repr, metrics)) or 'an empty mapping'}; "
            f"missing: {', '.join(map(repr, missing))}"
        )
    needed = {name: measured(name, metrics[name]) for name in problem.metric_names}
    return needed | _extra_metrics(metrics, needed)


def measured(name: str, value: Any) -> Measured:
    """The mean of one metric, or its (mean, sem); every number is finite."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == 2:
        mean, sem = _number(f"{name!r}", value[0]), _number(f"the SEM of {name!r}", value[1])
        if sem < 0:
            raise BadOutcome(f"the SEM of {name!r} must be a number of at least 0, got {sem}")
        return mean, sem
    return _number(f"{name!r}", value)


def check_sems(outcome: Outcome, earlier: Outcome | None, problem: Problem) -> None:
    """Check that a metric has an SEM in every trial or in none, because Ax refuses a mixture.

    Raises:
        BadOutcome: this outcome differs from that of an earlier completed trial.
    """
    if earlier is None:
        return
    for name in problem.metric_names:
        has_sem, had_sem = (isinstance(o[name], tuple) for o in (outcome, earlier))
        if has_sem != had_sem:
            here, before = ("one", "none") if has_sem else ("none", "one")
            raise BadOutcome(
                f"{name!r} must have an SEM in every trial or in none, got {here} after earlier trials with {before}"
            )


def is_unnamed_pair(value: Any, problem: Problem) -> bool:
    """Whether the application returned two numbers to a sweep that has no ``objectives``, which may have been meant."""
    if [objective.name for objective in problem.objectives] != [DEFAULT_NAME]:
        return False
    return _is_mean_and_sem(value.tolist() if len(getattr(value, "shape", ())) == 1 else value)


def _by_name(value: Any, problem: Problem) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    if len(getattr(value, "shape", ())) == 1:
        value = value.tolist()
    objectives = [objective.name for objective in problem.objectives]
    if len(objectives) == 1 and (_is_number(value) or _is_mean_and_sem(value)):
        return {objectives[0]: value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == len(objectives):
        return dict(zip(objectives, value, strict=True))
    raise BadOutcome(f"the app must return {_expected(problem)}, got {_shown(value)}")


def _extra_metrics(metrics: Mapping[Any, Any], needed: Outcome) -> dict[str, Measured]:
    """The metrics that the problem does not name. One that is not a number is left out and does not fail the trial."""
    extra: dict[str, Measured] = {}
    for name, value in metrics.items():
        if str(name) in needed:
            continue
        try:
            extra[str(name)] = measured(str(name), value)
        except BadOutcome:
            continue
    return extra


def _number(label: str, value: Any) -> float:
    if not _is_number(value):
        raise BadOutcome(f"{label} must be a number, got {_shown(value)}")
    try:
        number = float(value.item() if hasattr(value, "item") else value)  # NumPy converts no array of one element
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or abs(number) > LARGEST:
        raise BadOutcome(f"{label} must be a finite number between {-LARGEST} and {LARGEST}, got {number}")
    return number


def _is_number(value: Any) -> bool:
    if isinstance(value, str | bytes | bool) or value is None:
        return False
    if isinstance(value, numbers.Real):
        return True
    return getattr(value, "shape", None) in ((), (1,)) and hasattr(value, "item") and _is_number(value.item())


def _is_mean_and_sem(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str | bytes)
        and len(value) == 2
        and all(map(_is_number, value))
    )


def _names(problem: Problem) -> str:
    return ", ".join(map(repr, problem.metric_names))


def _expected(problem: Problem) -> str:
    if len(problem.metric_names) == 1:
        return f"a number, (mean, sem), or a mapping with {_names(problem)}"
    return f"a mapping with {_names(problem)}, or a sequence of {len(problem.objectives)} numbers in that order"


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return f"{shortened(text, 80)} ({type(value).__name__})"
