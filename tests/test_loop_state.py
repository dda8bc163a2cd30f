import pytest

from ax_moo.sweep.state import Cause, Closed, NoNewTrials, Open, Reason, closed, with_no_new_trials

pytestmark = pytest.mark.hydra_free

USED, TIME, FAILURES, AX, STOP = (
    Reason(cause, str(cause))
    for cause in (
        Cause.BUDGET_USED,
        Cause.TIME_IS_UP,
        Cause.TOO_MANY_FAILURES,
        Cause.OPTIMIZER_FAILED,
        Cause.STOP_ASKED,
    )
)


def test_the_first_reason_for_no_new_trials_stays() -> None:
    assert with_no_new_trials(Open(), USED) == NoNewTrials(USED)
    assert with_no_new_trials(NoNewTrials(AX), USED) == NoNewTrials(AX)
    assert with_no_new_trials(Closed(TIME), USED) == Closed(TIME)


@pytest.mark.parametrize(
    ("earlier", "reason", "kept"),
    [
        (Open(), TIME, TIME),
        (NoNewTrials(USED), TIME, TIME),
        (NoNewTrials(AX), TIME, AX),
        (NoNewTrials(AX), FAILURES, FAILURES),
        (Closed(TIME), USED, TIME),
        (Closed(TIME), FAILURES, FAILURES),
        (Closed(FAILURES), TIME, FAILURES),
        (Closed(FAILURES), STOP, STOP),
        (Closed(STOP), FAILURES, STOP),
    ],
)
def test_a_reason_gives_way_to_one_that_weighs_more(
    earlier: Open | NoNewTrials | Closed, reason: Reason, kept: Reason
) -> None:
    assert closed(earlier, reason) == Closed(kept)


def test_a_resume_tries_again_what_nobody_asked_for_and_the_config_does_not_end() -> None:
    assert {cause.name for cause in Cause if cause.is_over} == {
        "BUDGET_USED",
        "SPACE_EXHAUSTED",
        "TIME_IS_UP",
        "NO_IMPROVEMENT",
        "TOO_MANY_FAILURES",
    }


def test_exit_codes_tell_what_the_config_asks_for_from_what_nobody_asked_for() -> None:
    by_code = {code: {cause.name for cause in Cause if cause.exit_code == code} for code in (0, 1, 130)}
    assert by_code == {
        0: {"BUDGET_USED", "SPACE_EXHAUSTED", "TIME_IS_UP", "NO_IMPROVEMENT"},
        1: {"TOO_MANY_FAILURES", "OPTIMIZER_FAILED", "NO_CANDIDATE", "NO_JOB_TAKEN", "REPLACED", "CANNOT_WRITE"},
        130: {"STOP_ASKED", "INTERRUPTED", "TERMINATED"},
    }
