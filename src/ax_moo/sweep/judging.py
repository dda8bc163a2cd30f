"""What becomes of a trial whose job has ended."""

from ax_moo.jobs.job_results import error_line, one_line
from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo.problem.problem import Problem
from ax_moo.sweep.cancellation import CANCELLED
from ax_moo.sweep.evaluation import BadOutcome, check_sems, to_outcome
from ax_moo.trial import Outcome, Trial, TrialStatus


def judged(
    trial: Trial,
    handle: JobHandle,
    state: JobState,
    problem: Problem,
    earlier_outcome: Outcome | None,
    retries: int,
    now: float,
) -> Trial:
    """The trial in its next state: completed, failed, or staged once more where its job was lost.

    What the application itself did wrong it would do again: only a lost job is worth another attempt.
    """
    result = handle.result()
    if state is JobState.LOST and trial.reason == CANCELLED:
        return trial.again(CANCELLED, counts=False, time=now)
    if result.error is not None:
        if state is JobState.LOST and trial.retries_used < retries:
            return trial.again(result.error, time=now)
        return trial.to(TrialStatus.FAILED, reason=result.error, time=now)
    try:
        outcome = to_outcome(result.value, problem)
        check_sems(outcome, earlier_outcome, problem)
    except BadOutcome as error:
        return trial.to(TrialStatus.FAILED, reason=one_line(str(error)), time=now)
    except Exception as error:  # what the application returned may run code of its own when it is looked at
        reason = f"its return value cannot be read: {error_line(error)}"
        return trial.to(TrialStatus.FAILED, reason=reason, time=now)
    return trial.to(TrialStatus.COMPLETED, outcome=outcome, reason=None, time=now)
