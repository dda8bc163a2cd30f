import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from quick import loop_without_pause  # noqa: F401

from ax_moo.jobs import refusals
from ax_moo.jobs.launcher import JobHandle, JobRequest, JobResult
from ax_moo.optimizer.base import Lookahead
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.problem.problem import Problem
from ax_moo.storage import journal
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.observers import Progress
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.state import Cause
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial, TrialStatus

# How jobs and the loop go does not hang on the version of Hydra; other tests run both under each.
pytestmark = pytest.mark.one_hydra

TWO = problem(objectives=TWO_OBJECTIVES)


def _run(folder: Path, launcher: ScriptedLauncher, optimizer: Any = None, **settings: Any) -> SweepResult:
    options: dict[str, Any] = {"n_trials": 12, "n_jobs": 4, "max_failure_rate": 1.0} | settings
    clock = options.pop("clock", None)
    extra = {"clock": clock} if clock else {}
    return Sweep(
        TWO, Settings(**options), launcher, folder, lambda known: optimizer or ListedCandidates(), **extra
    ).run()


def _listed(known: Sequence[Trial]) -> ListedCandidates:
    return ListedCandidates()


def _by_status(ending: SweepResult, status: TrialStatus) -> list[int]:
    return [trial.index for trial in ending.trials if trial.status is status]


def test_every_trial_of_the_budget_runs_once_and_the_journal_tells_all_of_it(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives)
    ending = _run(tmp_path, launcher)
    assert sorted(launcher.requests) == list(range(12))
    assert sum(map(len, launcher.batches)) == 12
    assert journal.trials(tmp_path) == list(ending.trials)
    states = [t.status for t in journal.events(tmp_path) if t.index == 5]
    assert states == [TrialStatus.STAGED, TrialStatus.RUNNING, TrialStatus.COMPLETED]
    assert ending.succeeded


def test_no_more_than_n_jobs_run_at_once(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 60 if trial % 4 == 3 else 2)
    _run(tmp_path, launcher, n_jobs=3)
    running, most = 0, 0
    for event in launcher.log:
        running += 1 if event.startswith("submit") else -1
        most = max(most, running)
    assert most == 3


def test_a_long_trial_holds_up_no_other_slot(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 400 if trial == 3 else 2)
    _run(tmp_path, launcher)
    assert launcher.log.index("end 3") > launcher.log.index("submit 11")


def test_the_first_round_goes_out_as_one_and_then_every_candidate_as_it_comes(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives)
    _run(tmp_path, launcher)
    assert launcher.batches[0] == [0, 1, 2, 3]
    assert all(len(batch) == 1 for batch in launcher.batches[1:])


def test_a_candidate_is_asked_for_only_after_the_newest_results_are_told(tmp_path: Path) -> None:
    optimizer = ListedCandidates()
    _run(tmp_path, ScriptedLauncher(two_objectives), optimizer, n_jobs=1, n_trials=4, lookahead=Lookahead.NONE)
    assert optimizer.log[:7] == ["ask 0", "tell 0", "ask 1", "tell 1", "ask 2", "tell 2", "ask 3"]


def test_an_empty_answer_means_wait_for_another_result(tmp_path: Path) -> None:
    optimizer = ListedCandidates(waits_at={2: 2, 5: 4})
    ending = _run(tmp_path, ScriptedLauncher(two_objectives), optimizer, n_trials=8)
    assert len(_by_status(ending, TrialStatus.COMPLETED)) == 8
    assert optimizer.log.count("wait 2") in (1, 2)
    assert optimizer.log.index("ask 2") > optimizer.log.index("tell 1")


def test_an_optimizer_that_waited_is_asked_again_when_the_only_job_has_ended(tmp_path: Path) -> None:
    optimizer = ListedCandidates(waits_at={1: 1})
    ending = _run(tmp_path, ScriptedLauncher(two_objectives), optimizer, n_jobs=1, n_trials=3, lookahead=Lookahead.ONE)
    assert len(ending.trials) == 3
    assert optimizer.log[:4] == ["ask 0", "wait 1", "tell 0", "ask 1"]


def test_an_optimizer_that_waits_with_nothing_running_ends_the_sweep(tmp_path: Path) -> None:
    ending = _run(tmp_path, ScriptedLauncher(two_objectives), ListedCandidates(waits_at={3: 99}))
    assert len(ending.trials) == 3
    assert "Ax needs more results for a candidate" in ending.stop_reason
    assert ending.exit_code == 1


def test_an_exhausted_search_space_ends_the_sweep_with_a_sentence(tmp_path: Path) -> None:
    ending = _run(tmp_path, ScriptedLauncher(two_objectives), ListedCandidates(exhausted_after=6))
    assert len(_by_status(ending, TrialStatus.COMPLETED)) == 6
    assert ending.stop_reason == "the search space is exhausted: all 6 points were tried"
    assert ending.succeeded


def test_an_optimizer_that_fails_ends_the_sweep_as_a_failure_and_keeps_the_results(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(ListedCandidates):
        def ask(self, index: int) -> Any:
            if index == 5:
                raise RuntimeError("no point in the polytope")
            return super().ask(index)

    ending = _run(tmp_path, ScriptedLauncher(two_objectives), Failing())
    assert ending.stop_reason == "Ax has no candidate (RuntimeError: no point in the polytope)"
    assert len(_by_status(ending, TrialStatus.COMPLETED)) == 5
    assert ending.exit_code == 1
    assert caplog.text.count("Traceback") == 1
    assert 'raise RuntimeError("no point in the polytope")' in caplog.text


def test_a_queue_that_takes_no_job_any_more_ends_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.001)
    launcher = _Refusing(two_objectives)
    launcher.refused = lambda n: n > 1
    ending = _run(tmp_path, launcher)
    assert len(_by_status(ending, TrialStatus.COMPLETED)) == 4
    assert "the launcher refused 60 submissions in a row" in ending.stop_reason
    assert ending.exit_code == 1


def _failing(request: JobRequest) -> JobResult:
    results: dict[int, JobResult] = {
        1: JobResult(error="ValueError: boom"),
        2: JobResult({"f": float("nan"), "g": 1}),
        4: JobResult("nonsense"),
        5: JobResult({"f": 1.0}),
        6: JobResult({"f": (1.0, 0.1), "g": 1.0}),
    }
    return results.get(request.trial) or two_objectives(request)


def test_bad_trials_fail_with_their_own_reasons_and_the_others_complete(tmp_path: Path) -> None:
    optimizer = ListedCandidates()
    ending = _run(tmp_path, ScriptedLauncher(_failing), optimizer)
    reasons = {t.index: t.reason for t in ending.trials if t.status is TrialStatus.FAILED}
    assert sorted(reasons) == [1, 2, 4, 5, 6]
    assert reasons[1] == "ValueError: boom"
    assert all(words in str(reasons[i]) for i, words in {2: "nan", 4: "nonsense", 5: "missing: 'g'", 6: "SEM"}.items())
    assert len(_by_status(ending, TrialStatus.COMPLETED)) == 7
    assert all(f"tell {i}" in optimizer.log for i in reasons)


class _Unreadable:
    def __repr__(self) -> str:
        raise RuntimeError("no CUDA device")


def test_a_return_value_that_cannot_even_be_shown_fails_its_trial_only(tmp_path: Path) -> None:
    odd = {1: JobResult(_Unreadable()), 2: JobResult(error="ValueError: bad file \udcff")}
    launcher = ScriptedLauncher(lambda request: odd.get(request.trial) or two_objectives(request))
    ending = _run(tmp_path, launcher, n_trials=6)
    assert _by_status(ending, TrialStatus.FAILED) == [1, 2]
    assert "no CUDA device" in str(ending.trials[1].reason)
    assert journal.trials(tmp_path) == list(ending.trials)


@pytest.mark.parametrize("broken_at", ["open", "on_trial_state", "on_poll"])
def test_an_observer_that_breaks_is_left_out_and_the_sweep_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken_at: str
) -> None:
    broken, watching = _Watching(), _Watching()
    setattr(broken, broken_at, _raise_as_a_closed_terminal)
    settings = Settings(n_trials=4, n_jobs=1)
    observers = [broken, watching]
    Sweep(TWO, settings, ScriptedLauncher(two_objectives), tmp_path, _listed, observers).run()
    assert watching.seen[-2:] == ["3 COMPLETED", "close"]
    assert caplog.text.count("An observer failed; it no longer shows the sweep's progress") == 1
    assert broken.seen[-1] == "close"


def test_an_observer_that_does_not_close_changes_nothing_about_the_end(tmp_path: Path) -> None:
    broken, watching = _Watching(), _Watching()
    broken.close = _raise_as_a_closed_terminal  # type: ignore[method-assign]
    launcher = ScriptedLauncher(two_objectives)
    ending = Sweep(TWO, Settings(n_trials=2, n_jobs=1), launcher, tmp_path, _listed, [broken, watching]).run()
    assert ending.succeeded
    assert watching.seen[-1] == "close"


def _raise_as_a_closed_terminal(*told: Any) -> None:
    raise OSError(5, "Input/output error")


def test_too_many_failures_end_the_sweep_with_the_most_frequent_reason(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(lambda request: JobResult(error="OSError: no data"))
    ending = _run(tmp_path, launcher, max_failure_rate=0.5, n_trials=50)
    assert ending.reason.cause is Cause.TOO_MANY_FAILURES
    assert not ending.succeeded
    assert 5 <= len(ending.trials) <= 10
    assert "OSError: no data" in ending.stop_reason
    assert "/jobs/" in ending.stop_reason


def test_a_sweep_without_a_completed_trial_has_failed(tmp_path: Path) -> None:
    ending = _run(tmp_path, ScriptedLauncher(lambda request: JobResult(error="no")), n_trials=3)
    assert not ending.succeeded


def test_no_trial_starts_after_its_time(tmp_path: Path) -> None:
    ticks = iter(range(100_000))
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 5)
    ending = _run(tmp_path, launcher, n_trials=10_000, timeout_hours=0.1, clock=lambda: float(next(ticks)))
    start = (journal.header(tmp_path) or {})["time"]
    started = [t.start_time - start for t in ending.trials if t.start_time is not None]
    assert started
    # The clock moves on by one second with every look at it; there are a few looks between the check and the start.
    assert max(started) < 360 + 10
    assert "the time is up" in ending.stop_reason
    assert all(t.status in (TrialStatus.COMPLETED, TrialStatus.STAGED) for t in ending.trials)


class _Refusing(ScriptedLauncher):
    """Refuses the submissions whose numbers are given."""

    refused: Callable[[int], bool]
    submissions = 0

    def submit(self, requests: Any) -> Any:
        self.submissions += 1
        if self.refused(self.submissions):
            raise OSError("sbatch: error: QOSMaxSubmitJobPerUserLimit")
        return super().submit(requests)


def test_a_first_submission_that_is_refused_is_a_mistake_and_leaves_no_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.01)
    launcher = _Refusing(two_objectives)
    launcher.refused = lambda n: True
    with pytest.raises(ConfigError, match="QOSMaxSubmitJobPerUserLimit"):
        _run(tmp_path, launcher)
    assert journal.header(tmp_path) is None


def test_a_first_round_that_is_too_much_for_the_queue_goes_out_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.01)
    launcher = _Refusing(two_objectives)
    launcher.refused = lambda n: n == 1
    ending = _run(tmp_path, launcher)
    assert launcher.batches[:4] == [[0], [1], [2], [3]]
    assert len(_by_status(ending, TrialStatus.COMPLETED)) == 12


def test_a_later_submission_that_is_refused_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.01)
    launcher = _Refusing(two_objectives)
    launcher.refused = lambda n: n in (2, 3)
    ending = _run(tmp_path, launcher)
    assert len(_by_status(ending, TrialStatus.COMPLETED)) == 12
    assert "QOSMaxSubmitJobPerUserLimit" in caplog.text


def test_an_optimizer_that_cannot_be_built_is_a_clear_error_before_any_job(tmp_path: Path) -> None:
    def broken(known: object) -> Any:
        raise ImportError("libcudart.so is missing")

    launcher = ScriptedLauncher(two_objectives)
    with pytest.raises(ConfigError, match=r"Ax cannot be used here.*libcudart"):
        Sweep(TWO, Settings(), launcher, tmp_path, broken).run()
    assert launcher.batches == []
    assert journal.header(tmp_path) is None


def test_an_outcome_that_the_optimizer_does_not_take_does_not_end_the_sweep(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Picky(ListedCandidates):
        def tell(self, trial: Trial) -> None:
            raise ValueError("cannot take it")

    ending = _run(tmp_path, ScriptedLauncher(two_objectives), Picky(), n_trials=5)
    assert len(_by_status(ending, TrialStatus.COMPLETED)) == 5
    assert "cannot take it" in caplog.text


def test_a_launcher_that_works_in_rounds_gets_whole_rounds(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 1 + trial % 3, is_blocking=True)
    _run(tmp_path, launcher, n_trials=10)
    assert launcher.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    for batch, following in zip(launcher.batches, launcher.batches[1:], strict=False):
        ended = max(launcher.log.index(f"end {trial}") for trial in batch)
        assert ended < launcher.log.index(f"submit {following[0]}")


def test_a_serial_launcher_gets_one_trial_at_a_time(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, is_blocking=True)
    launcher.max_jobs = 1
    _run(tmp_path, launcher, n_trials=4)
    assert launcher.batches == [[0], [1], [2], [3]]


class _Watching:
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.most_done = 0

    def open(self, problem: Problem, trials: Sequence[Trial]) -> None:
        self.seen.append("open")

    def on_trial_state(self, trial: Trial) -> None:
        self.seen.append(f"{trial.index} {trial.status}")

    def on_poll(self, progress: Progress) -> None:
        self.most_done = max(self.most_done, progress.count(TrialStatus.COMPLETED))

    def close(self) -> None:
        self.seen.append("close")


def test_observers_are_told_of_every_state_and_closed_at_the_end(tmp_path: Path) -> None:
    watching = _Watching()
    Sweep(TWO, Settings(n_trials=2, n_jobs=1), ScriptedLauncher(two_objectives), tmp_path, _listed, [watching]).run()
    steps = [f"{i} {status}" for i in range(2) for status in ("STAGED", "RUNNING", "COMPLETED")]
    assert watching.seen == ["open", *steps, "close"]
    assert watching.most_done == 2


def test_an_interrupted_sweep_leaves_its_jobs_running_and_in_the_journal(tmp_path: Path) -> None:
    class Interrupting(ScriptedLauncher):
        def submit(self, requests: Any) -> list[JobHandle]:
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return list(super().submit(requests))

    launcher = Interrupting(two_objectives, polls=lambda trial: 3 if trial in (0, 4) else 10_000)
    interrupted = Sweep(TWO, Settings(), launcher, tmp_path, _listed)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run()
    running = [t.index for t in journal.trials(tmp_path) if t.status is TrialStatus.RUNNING]
    assert running == [t.index for t in interrupted.running]
    assert running == [1, 2, 3]
    assert not any(handle.cancelled for handle in launcher.handles)


def test_jobs_that_could_not_be_recorded_before_an_interruption_are_cancelled_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = journal.Journal.record

    def interrupted_record(self: journal.Journal, trial: Trial) -> None:
        if trial.status is TrialStatus.RUNNING and trial.index == 1:
            raise KeyboardInterrupt
        record(self, trial)

    monkeypatch.setattr(journal.Journal, "record", interrupted_record)
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 10_000)
    interrupted = Sweep(TWO, Settings(), launcher, tmp_path, _listed)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run()
    monkeypatch.setattr(journal.Journal, "record", record)
    interrupted.cancel()
    previous_run = resume.previous_run(tmp_path)
    assert previous_run is not None, "the journal can be read"
    told = {trial.index: (trial.status, trial.attempt, trial.retries_used) for trial in previous_run.trials}
    assert told == dict.fromkeys(range(4), (TrialStatus.STAGED, 2, 0))


def test_two_sweeps_with_one_seed_and_one_order_of_completions_propose_the_same(tmp_path: Path) -> None:
    def run(folder: Path, seed: int) -> list[Any]:
        launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 1)
        ending = Sweep(
            TWO, Settings(n_trials=8, n_jobs=1), launcher, folder, lambda known: AxOptimizer(TWO, seed=seed)
        ).run()
        return [trial.parameterization for trial in ending.trials]

    first = run(tmp_path / "a", 3)
    assert first == run(tmp_path / "b", 3)
    assert first[:3] != run(tmp_path / "c", 4)[:3]


def test_a_restart_with_the_same_trials_finished_goes_on_with_the_same_candidates(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 1)
    settings = Settings(n_trials=8, n_jobs=1, lookahead=Lookahead.NONE)
    Sweep(TWO, settings, launcher, tmp_path, lambda known: AxOptimizer(TWO, seed=3)).run()
    told = journal.trials(tmp_path)
    replayed = AxOptimizer(TWO, seed=3)
    replayed.replay(told[:7])
    candidate = replayed.ask(7)
    assert candidate is not None
    assert candidate.parameterization == told[7].parameterization


def test_the_log_names_the_end_of_the_budget(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        _run(tmp_path, ScriptedLauncher(two_objectives), n_trials=2)
    assert "No new trials: all 2 trials were started" in caplog.text
