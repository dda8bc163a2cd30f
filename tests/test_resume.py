import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, problem

from ax_moo.problem.problem import Problem
from ax_moo.storage import journal
from ax_moo.storage.journal import Journal
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.state import Reason
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Job, Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

SPACE = ("x=interval(0, 1)", "y=choice(a, b)")
TWO = problem(*SPACE, objectives=TWO_OBJECTIVES)
POINT = {"x": 0.5, "y": "a"}


def _begun(folder: Path, begun: Problem = TWO, **about: Any) -> Path:
    with closing(Journal(folder)) as written:
        written.begin(begun.to_dict(), {"time": 1000.0, "seed": 7, "method": "auto", **about})
    return folder


def _with(folder: Path, *trials: Trial) -> resume.PreviousRun:
    with closing(Journal(_begun(folder))) as written:
        for trial in trials:
            written.record(trial)
    previous_run = resume.previous_run(folder)
    assert previous_run is not None
    return previous_run


def test_a_copy_of_a_sweep_in_wandb_does_not_go_on(tmp_path: Path) -> None:
    _begun(tmp_path, pulled={"run": "s-sweep"})
    with pytest.raises(ConfigError, match="copy of a sweep in W&B"):
        resume.check(tmp_path, TWO, "auto")


@pytest.mark.parametrize(
    ("changed", "phrases"),
    [
        (
            problem("x=interval(0, 2)", "y=choice(a, b)", objectives=TWO_OBJECTIVES),
            ["the parameter x had upper 1.0 and now has 2.0"],
        ),
        (problem("x=interval(0, 1)", "y=choice(a, b, c)", objectives=TWO_OBJECTIVES), ["the parameter y had values"]),
        (
            problem("x=interval(0, 1)", "z=choice(a, b)", objectives=TWO_OBJECTIVES),
            ["the parameter y is gone", "the parameter z is new"],
        ),
        (
            problem(*SPACE, objectives={**TWO_OBJECTIVES, "g": {"direction": "minimize", "threshold": 2.0}}),
            ["the objective g had threshold 1.0 and now has 2.0"],
        ),
        (
            problem(*SPACE, objectives={**TWO_OBJECTIVES, "f": {"direction": "minimize", "threshold": 0.0}}),
            ["the objective f had direction maximize and now has minimize"],
        ),
        (
            problem(*SPACE, objectives=dict(reversed(TWO_OBJECTIVES.items()))),
            ["the objectives had the order f, g and now have g, f"],
        ),
        (
            problem(*SPACE, objectives=TWO_OBJECTIVES, outcome_constraints=["ms <= 20"]),
            ["the outcome constraint on ms (<=) is new"],
        ),
        (
            problem(*SPACE, objectives=TWO_OBJECTIVES, parameter_constraints=["x <= 0.5"]),
            ["the parameter constraint x <= 0.5 is new"],
        ),
    ],
)
def test_a_changed_problem_is_refused_with_the_difference(tmp_path: Path, changed: Problem, phrases: list[str]) -> None:
    _begun(tmp_path)
    with pytest.raises(ConfigError) as refusal:
        resume.check(tmp_path, changed, "auto")
    assert str(tmp_path) in str(refusal.value)
    assert "name another folder" in str(refusal.value)
    assert all(phrase in str(refusal.value) for phrase in phrases), refusal.value


def test_the_same_problem_goes_on_also_with_a_plus_and_in_another_order(tmp_path: Path) -> None:
    _begun(tmp_path)
    same = problem("+y=choice(a, b)", "x=interval(0, 1)", objectives=TWO_OBJECTIVES)
    resume.check(tmp_path, same, "auto")
    resume.check(tmp_path, same, "require")
    recorded = resume.as_recorded(same, journal.header(tmp_path) or {})
    assert recorded.search_space.names == ("x", "y")
    assert recorded.search_space.to_overrides({"x": 0.5, "y": "a"}) == ("x=0.5", "+y=a")


def test_other_plain_overrides_are_taken_from_now_on_and_a_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _begun(tmp_path)
    other = problem(*SPACE, "epochs=3", objectives=TWO_OBJECTIVES)
    resume.check(tmp_path, other, "auto")
    recorded = resume.as_recorded(other, journal.header(tmp_path) or {})
    assert recorded.search_space.to_overrides({"x": 0.5, "y": "a"}) == ("epochs=3", "x=0.5", "y=a")
    assert "Earlier trials ran with the overrides none, new trials run with epochs=3" in caplog.text


def test_never_refuses_a_folder_with_a_sweep_and_require_one_without(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds none"):
        resume.check(tmp_path / "nothing", TWO, "require")
    resume.check(tmp_path / "nothing", TWO, "never")
    with pytest.raises(ConfigError, match="holds a sweep already"):
        resume.check(_begun(tmp_path), TWO, "never")


def test_the_seed_of_the_journal_is_taken_unless_another_one_is_given(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    header = journal.header(_begun(tmp_path)) or {}
    assert resume.with_recorded_seed(Settings(), header).seed == 7
    with caplog.at_level(logging.INFO):
        assert resume.with_recorded_seed(Settings(seed=8, method="sobol"), header).seed == 8
    assert "method changes from auto to sobol" in caplog.text
    assert "seed changes from 7 to 8" in caplog.text


def test_trials_come_in_the_order_of_their_last_states(tmp_path: Path) -> None:
    zero, one = Trial(0, POINT, time=1001.0), Trial(1, POINT, time=1002.0)
    previous_run = _with(
        tmp_path, zero, one, one.to(TrialStatus.FAILED, time=1003.0), zero.to(TrialStatus.FAILED, time=1004.0)
    )
    assert [trial.index for trial in previous_run.trials] == [1, 0]
    assert (previous_run.started, previous_run.last_time) == (1000.0, 1004.0)


def _completed(index: int) -> Trial:
    return Trial(index, POINT, TrialStatus.COMPLETED, outcome={"f": 1.0, "g": 1.0}, time=1001.0)


def test_a_sweep_with_nothing_left_to_do_is_over_and_what_would_make_it_go_on_is_said(tmp_path: Path) -> None:
    previous_run = _with(tmp_path, *map(_completed, range(3)))
    assert "raise hydra.sweeper.n_trials" in _words(previous_run.why_over(Budget(3), 1002.0))
    assert previous_run.why_over(Budget(4), 1002.0) is None
    assert "timeout_hours=1" in _words(previous_run.why_over(Budget(4, timeout_hours=1), 1000.0 + 3600))
    assert previous_run.why_over(Budget(4, timeout_hours=1), 1000.0 + 3599) is None


def test_a_sweep_with_a_running_or_staged_trial_is_not_over(tmp_path: Path) -> None:
    staged = Trial(3, POINT, time=1001.0)
    running = staged.to(TrialStatus.RUNNING, job=Job("1", "/jobs/3"), time=1002.0)
    previous_run = _with(tmp_path, *map(_completed, range(3)), staged)
    assert previous_run.why_over(Budget(4), 1002.0) is None
    previous_run = _with(tmp_path / "running", *map(_completed, range(3)), running)
    assert previous_run.why_over(Budget(4, timeout_hours=0.001), 99999.0) is None


def test_a_sweep_with_too_many_failures_is_over(tmp_path: Path) -> None:
    previous_run = _with(
        tmp_path, *(Trial(index, POINT, TrialStatus.FAILED, reason="no", time=1001.0) for index in range(5))
    )
    assert "max_failure_rate=0.5" in _words(previous_run.why_over(Budget(10), 1002.0))


def test_a_journal_that_is_no_journal_is_named_with_its_line(tmp_path: Path) -> None:
    path = _begun(tmp_path) / journal.JOURNAL_FILE
    text = path.read_text()
    path.write_text(f"{text}nonsense\n")
    with pytest.raises(ConfigError, match=r"sweep\.jsonl: line 2 is not what the sweep wrote"):
        resume.previous_run(tmp_path)
    path.write_text(f'{text}{{"trial": 1}}\n')
    with pytest.raises(ConfigError, match=r"sweep\.jsonl: line 2 is not a trial"):
        resume.previous_run(tmp_path)
    path.write_text(text.replace('"format": 1', '"format": 99'))
    with pytest.raises(ConfigError, match="use the version that wrote it"):
        resume.previous_run(tmp_path)


def _words(reason: Reason | None) -> str:
    return reason.words if reason else ""
