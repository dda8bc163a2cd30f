"""A sweep that is killed anywhere and goes on: with a launcher whose jobs outlive it, and everything else real."""

import re
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedHandle, ScriptedLauncher, problem, two_objectives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killed_loops import Killed, OldestEnds, kill_at
from quick import loop_without_pause  # noqa: F401

from ax_moo.jobs import refusals
from ax_moo.jobs.launcher import JobRequest, JobResult, JobState
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.results.tables import trials_frame
from ax_moo.storage import journal, stop_request
from ax_moo.storage.journal import Journal
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.resuming import finding, resume
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.steps import cancellation
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial, TrialStatus

# How jobs and the loop go does not hang on the version of Hydra; other tests run both under each.
pytestmark = pytest.mark.one_hydra

TWO = problem(objectives=TWO_OBJECTIVES)


class Replayable(ListedCandidates):
    """An optimizer that remembers what it was told in this life of the sweep, replayed or not."""

    def __init__(self, known: Sequence[Trial] = ()) -> None:
        super().__init__()
        for trial in known:
            if trial.status.is_finished:
                self.tell(trial)


def run(folder: Path, launcher: Any, optimizer: Callable[..., Any] = Replayable, **options: Any) -> SweepResult:
    """One life of the sweep in this folder."""
    values: dict[str, Any] = {"n_trials": 12, "n_jobs": 4, "max_failure_rate": 1.0} | options
    return Sweep(TWO, Settings(**values), launcher, folder, optimizer, previous_run=resume.previous_run(folder)).run()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=4))
def test_wherever_it_is_killed_every_trial_is_submitted_once_and_completes(
    tmp_path_factory: pytest.TempPathFactory, kills: list[tuple[int, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 1 + trial % 3)
    for event, before in kills:
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, event, before)
            try:
                run(folder, launcher)
            except Killed:
                continue
    ending = run(folder, launcher)
    assert Counter(trial for batch in launcher.batches for trial in batch) == dict.fromkeys(range(12), 1)
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 12
    assert [trial.parameterization["x"] for trial in ending.trials] == [(i * 0.37) % 1 for i in range(12)]
    assert journal.trials(folder) == list(ending.trials)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep with failed and retried trials."""
    folder = tmp_path_factory.mktemp("written")
    launcher = _lost((2, 1), (4, 1), (4, 2))
    run(folder, launcher, n_trials=6)
    return folder


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=0, max_value=10**6))
def test_a_journal_cut_at_any_byte_replays_to_the_same_table_less_its_last_event(written: Path, cut: int) -> None:
    content = (written / journal.JOURNAL_FILE).read_bytes()
    whole_lines = content[: cut % (len(content) + 1)].count(b"\n")
    events = list(journal.events(written))[: max(0, whole_lines - 1)]
    last = {trial.index: trial for trial in events}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, journal.JOURNAL_FILE).write_bytes(content[: cut % (len(content) + 1)])
        previous_run = resume.previous_run(Path(folder))
        replayed = trials_frame(journal.trials(Path(folder)), TWO)
    assert (previous_run is None) == (whole_lines == 0)
    pd.testing.assert_frame_equal(replayed, trials_frame([last[index] for index in sorted(last)], TWO))


@pytest.mark.one_hydra
@pytest.mark.slow  # forty fits of a model: half a minute of CPU
def test_killed_after_10_of_24_trials_ax_proposes_the_other_14_bit_by_bit_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def optimizer(known: Sequence[Trial]) -> AxOptimizer:
        made = AxOptimizer(TWO, seed=5, n_initial=12)
        made.replay(known)
        return made

    def proposals(ending: SweepResult) -> list[Any]:
        return [(trial.generation_node, dict(trial.parameterization)) for trial in ending.trials]

    whole = run(tmp_path / "whole", OldestEnds(4, 24), optimizer, n_trials=24)
    launcher = OldestEnds(4, 24)
    with monkeypatch.context() as patch:
        record = Journal.record

        def die_after_ten(self: Journal, trial: Trial) -> None:
            record(self, trial)
            if trial.status is TrialStatus.COMPLETED and len(launcher.ended) == 10:
                raise Killed

        patch.setattr(Journal, "record", die_after_ten)
        with pytest.raises(Killed):
            run(tmp_path / "killed", launcher, optimizer, n_trials=24)
    killed = journal.trials(tmp_path / "killed")
    assert [trial.status for trial in killed].count(TrialStatus.COMPLETED) == 10
    resumed = run(tmp_path / "killed", launcher, optimizer, n_trials=24)
    assert proposals(resumed) == proposals(whole)
    assert {node for node, _ in proposals(whole)[14:]} == {"MBM"}


def _lost(*attempts: tuple[int, int]) -> ScriptedLauncher:
    """Jobs of these trials, in these attempts, are lost."""
    answers = {attempt: JobResult(error=f"killed in attempt {attempt[1]}") for attempt in attempts}
    launcher = ScriptedLauncher(
        lambda request: answers.get((request.trial, request.attempt)) or two_objectives(request)
    )
    submit = launcher.submit

    def submit_and_lose(requests: Sequence[JobRequest]) -> Any:
        launcher.lost += [request for request in requests if (request.trial, request.attempt) in attempts]
        return submit(requests)

    launcher.submit = submit_and_lose  # type: ignore[method-assign]
    return launcher


def test_a_lost_job_is_tried_again_in_the_same_trial_and_its_first_attempt_is_noted(tmp_path: Path) -> None:
    launcher = _lost((2, 1))
    ending = run(tmp_path, launcher)
    trial = ending.trials[2]
    assert (trial.status, trial.attempt) == (TrialStatus.COMPLETED, 2)
    assert [(a.job.job_id, a.reason, a.counts) for a in trial.previous_attempts] == [
        ("job-2", "killed in attempt 1", True)
    ]
    assert trial.job is not None
    assert trial.job.job_id == "job-2.2"
    assert len(ending.trials) == 12
    states = [event.status for event in journal.events(tmp_path) if event.index == 2]
    assert [str(state) for state in states] == ["STAGED", "RUNNING", "STAGED", "RUNNING", "COMPLETED"]


def test_a_trial_fails_with_its_last_reason_once_its_retries_are_used_up(tmp_path: Path) -> None:
    launcher = _lost((2, 1), (2, 2), (2, 3), (5, 1))
    ending = run(tmp_path, launcher, retries=2)
    assert (ending.trials[2].status, ending.trials[2].reason) == (TrialStatus.FAILED, "killed in attempt 3")
    assert ending.trials[5].status is TrialStatus.COMPLETED
    ending = run(tmp_path / "none", _lost((2, 1)), retries=0)
    assert (ending.trials[2].status, ending.trials[2].reason) == (TrialStatus.FAILED, "killed in attempt 1")


def test_the_last_trial_of_the_budget_is_tried_again_too(tmp_path: Path) -> None:
    ending = run(tmp_path, _lost((11, 1)))
    assert (ending.trials[11].status, ending.trials[11].attempt) == (TrialStatus.COMPLETED, 2)


def test_an_exception_in_the_application_is_not_tried_again(tmp_path: Path) -> None:
    def fail(request: JobRequest) -> JobResult:
        return JobResult(error="ValueError: bad") if request.trial == 3 else two_objectives(request)

    ending = run(tmp_path, ScriptedLauncher(fail))
    assert (ending.trials[3].status, ending.trials[3].attempt) == (TrialStatus.FAILED, 1)


def test_a_retried_trial_that_was_staged_when_the_sweep_was_killed_is_not_taken_for_its_first_attempt(
    tmp_path: Path,
) -> None:
    launcher = _lost((2, 1))
    with pytest.MonkeyPatch.context() as patch:
        record = Journal.record

        def die_when_restaged(self: Journal, trial: Trial) -> None:
            record(self, trial)
            if trial.previous_attempts:
                raise Killed

        patch.setattr(Journal, "record", die_when_restaged)
        with pytest.raises(Killed):
            run(tmp_path, launcher)
    ending = run(tmp_path, launcher)
    assert (ending.trials[2].status, ending.trials[2].attempt) == (TrialStatus.COMPLETED, 2)
    assert launcher.requests[2].attempt == 2


def test_a_larger_budget_goes_on_with_the_next_numbers(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives)
    run(tmp_path, launcher, n_trials=5)
    ending = run(tmp_path, launcher, n_trials=9, n_jobs=2)
    assert [trial.index for trial in ending.trials] == list(range(9))
    assert sorted(launcher.requests) == list(range(9))


def test_more_running_jobs_than_n_jobs_are_all_waited_for_and_no_slot_is_used_twice(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 30)
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, 7, before=False)  # four are staged, four run
        with pytest.raises(Killed):
            run(tmp_path, launcher)
    ending = run(tmp_path, launcher, n_jobs=1)
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 12
    later = launcher.log[launcher.log.index("submit 4") :]
    assert later[1:] == [step for trial in range(4, 12) for step in (f"end {trial}", f"submit {trial + 1}")][:-1]


def test_lost_trials_wait_where_more_jobs_run_than_n_jobs_allows_by_now(tmp_path: Path) -> None:
    launcher = _lost(*((trial, 1) for trial in range(2, 8)))
    launcher.polls = lambda trial: 60 if trial < 2 else 2
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, 15, before=False)  # eight are staged, eight run
        with pytest.raises(Killed):
            run(tmp_path, launcher, n_jobs=8, n_trials=8)
    ending = run(tmp_path, launcher, n_jobs=1, n_trials=8)
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 8
    again = [step for step in launcher.log if step.startswith("submit")][8:]
    assert again == [f"submit {trial}" for trial in range(2, 8)]
    assert launcher.log.index("end 1") < len(launcher.log) - 1 - launcher.log[::-1].index("submit 2")


def test_a_cancellation_that_nobody_waited_for_uses_up_no_retry(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 10_000)
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, 9, before=False)  # four run, and two of them are noted as being cancelled
        stop_request_at_first_submission(launcher, tmp_path)
        with pytest.raises(Killed):
            run(tmp_path, launcher)
    stop_request.clear(tmp_path)
    launcher.polls = lambda trial: 1
    again = [trial for trial in journal.trials(tmp_path) if trial.reason is not None]
    assert [trial.status for trial in again] == [TrialStatus.RUNNING] * 2
    for handle in launcher.handles:
        handle.cancelled = handle.request.trial in [trial.index for trial in again]
        handle.polls = 2
    ending = run(tmp_path, launcher, retries=0)
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 12
    assert [trial.attempt for trial in ending.trials[:5]].count(2) == 2
    assert {trial.retries_used for trial in ending.trials} == {0}


def test_what_was_lost_before_it_was_cancelled_keeps_its_own_reason(tmp_path: Path) -> None:
    launcher = _lost((1, 1))
    launcher.polls = lambda trial: 2 if trial == 1 else 10_000
    stop_request_at_first_submission(launcher, tmp_path)
    for _ in range(2):
        ending = run(tmp_path, launcher)
        stop_request.clear(tmp_path)
        launcher.polls = lambda trial: 1
    assert [(a.reason, a.counts) for a in ending.trials[1].previous_attempts] == [("killed in attempt 1", True)]
    assert [a.reason for a in ending.trials[2].previous_attempts] == ["cancelled together with the sweep"]


def at_each_submission(launcher: ScriptedLauncher, then: Callable[[], object]) -> None:
    submit = launcher.submit

    def submit_and_then(requests: Sequence[JobRequest]) -> Any:
        then()
        return submit(requests)

    launcher.submit = submit_and_then  # type: ignore[method-assign]


def stop_request_at_first_submission(launcher: ScriptedLauncher, folder: Path) -> None:
    at_each_submission(launcher, lambda: launcher.batches or stop_request.ask(folder, stop_request.StopRequest.NOW))


def test_a_second_writer_of_a_journal_is_refused_also_without_the_lock(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)), pytest.raises(ConfigError, match="another process writes"):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_trials_left_over_by_a_launcher_in_rounds_run_again_and_use_up_no_retry(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, is_blocking=True)
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, 9, before=False)  # a round of four runs, and two have been collected
        with pytest.raises(Killed):
            run(tmp_path, launcher)
    again = ScriptedLauncher(two_objectives, is_blocking=True)
    path = tmp_path / journal.JOURNAL_FILE
    path.write_text(re.sub('"folder": "/jobs/[23]"', '"folder": ""', path.read_text()))
    ending = run(tmp_path, again, retries=0)
    assert again.batches == [[2, 3, 4, 5], [6, 7, 8, 9], [10, 11]]
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 12


def test_a_round_is_made_of_consecutive_numbers_only(tmp_path: Path) -> None:
    launcher = _lost((0, 1), (2, 1))
    launcher.is_blocking = True
    run(tmp_path, launcher, n_jobs=3, n_trials=3)
    assert launcher.batches == [[0, 1, 2], [0], [2]]


def test_the_hours_count_from_the_first_start(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives)
    run(tmp_path, launcher, n_trials=4)
    path = tmp_path / journal.JOURNAL_FILE
    begun = (journal.header(tmp_path) or {})["time"]
    path.write_text(path.read_text().replace(f'"time": {begun}', f'"time": {begun - 7200}', 1))
    ending = run(tmp_path, launcher, timeout_hours=1)
    assert (len(ending.trials), ending.stop_reason) == (4, "the time is up (timeout_hours=1)")
    assert len(run(tmp_path, launcher, timeout_hours=3).trials) == 12


def test_a_clock_that_was_set_back_lets_no_trial_end_before_it_began(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives)
    run(tmp_path, launcher, n_trials=4)
    last = max(trial.time for trial in journal.trials(tmp_path))
    path = tmp_path / journal.JOURNAL_FILE
    path.write_text(path.read_text().replace(f"{last}", f"{last + 86400}"))
    ending = run(tmp_path, launcher)
    assert all(trial.time >= last + 86400 for trial in ending.trials[4:])
    assert all((trial.end_time or 0) >= (trial.start_time or 1) for trial in ending.trials[4:])


def test_a_stop_request_lets_running_trials_finish_and_starts_no_more(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 20)
    at_each_submission(launcher, lambda: stop_request.ask(tmp_path, stop_request.StopRequest.FINISH))
    ending = run(tmp_path, launcher)
    assert ending.stopped
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 4
    assert len(run(tmp_path, ScriptedLauncher(two_objectives)).trials) == 12


def test_a_stop_request_for_now_cancels_and_a_resume_runs_the_cancelled_trials_without_using_up_a_retry(
    tmp_path: Path,
) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 10_000)
    at_each_submission(launcher, lambda: stop_request.ask(tmp_path, stop_request.StopRequest.NOW))
    ending = run(tmp_path, launcher)
    assert [handle.cancelled for handle in launcher.handles] == [True] * 4
    assert [(trial.status, trial.attempt) for trial in ending.trials] == [(TrialStatus.STAGED, 2)] * 4
    resumed = run(tmp_path, ScriptedLauncher(two_objectives), retries=0)
    assert [trial.status for trial in resumed.trials] == [TrialStatus.COMPLETED] * 12
    assert [trial.attempt for trial in resumed.trials[:5]] == [2, 2, 2, 2, 1]
    assert [trial.retries_used for trial in resumed.trials] == [0] * 12


def test_a_stop_request_may_become_more_urgent_while_running_trials_finish(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 10_000)

    def ask() -> None:
        stop_request.ask(tmp_path, stop_request.StopRequest.FINISH)
        threading.Timer(0.3, lambda: stop_request.ask(tmp_path, stop_request.StopRequest.NOW)).start()

    at_each_submission(launcher, ask)
    ending = run(tmp_path, launcher)
    assert ending.stopped
    assert [trial.status for trial in ending.trials] == [TrialStatus.STAGED] * 4
    assert stop_request.asked(tmp_path) is None


def test_a_second_ctrl_c_cancels_the_jobs_and_notes_it(tmp_path: Path) -> None:
    class Interrupting(ScriptedLauncher):
        def submit(self, requests: Sequence[JobRequest]) -> Any:
            if self.batches:
                raise KeyboardInterrupt
            return super().submit(requests)

    launcher = Interrupting(two_objectives, polls=lambda trial: 2 if trial == 0 else 10_000)
    interrupted = Sweep(TWO, Settings(), launcher, tmp_path, Replayable)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run()
    assert not any(handle.cancelled for handle in launcher.handles)
    interrupted.cancel()
    assert [handle.cancelled for handle in launcher.handles] == [False, True, True, True]
    left = journal.trials(tmp_path)
    assert [str(trial.status) for trial in left[:4]] == ["COMPLETED", "STAGED", "STAGED", "STAGED"]
    assert [trial.retries_used for trial in left[:4]] == [0, 0, 0, 0]


def test_a_job_that_cannot_be_looked_at_for_a_while_is_looked_at_again(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives)
    submit = launcher.submit

    def submit_shaky(requests: Sequence[JobRequest]) -> Any:
        handles = submit(requests)
        for handle in handles:
            looks, state = iter(range(10_000)), handle.state

            def shaky(looks: Any = looks, state: Any = state) -> JobState:
                if next(looks) < 3:
                    raise OSError(116, "Stale file handle")
                return JobState(state())

            handle.state = shaky  # type: ignore[method-assign]
        return handles

    launcher.submit = submit_shaky  # type: ignore[method-assign]
    assert [trial.status for trial in run(tmp_path, launcher).trials] == [TrialStatus.COMPLETED] * 12


def test_a_resumed_sweep_whose_launcher_is_configured_wrongly_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.001)
    run(tmp_path, ScriptedLauncher(two_objectives), n_trials=4)

    class Wrong(ScriptedLauncher):
        def submit(self, requests: Sequence[JobRequest]) -> Any:
            raise ConfigError("hydra.launcher.partition: invalid partition")

    with pytest.raises(ConfigError, match="invalid partition"):
        run(tmp_path, Wrong(two_objectives))
    assert len(run(tmp_path, ScriptedLauncher(two_objectives)).trials) == 12


@pytest.mark.parametrize("error", [OSError(116, "Stale file handle"), psutil.AccessDenied(7)], ids=["file", "process"])
def test_whatever_keeps_from_looking_at_jobs_for_a_while_ends_no_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    raised = {"state": iter([error] * 5), "result": iter([error] * 5)}
    for name, errors in raised.items():
        method = getattr(ScriptedHandle, name)

        def shaky(self: Any, method: Any = method, errors: Any = errors) -> Any:
            if (found := next(errors, None)) is not None:
                raise found
            return method(self)

        monkeypatch.setattr(ScriptedHandle, name, shaky)
    assert [trial.status for trial in run(tmp_path, ScriptedLauncher(two_objectives)).trials] == [
        TrialStatus.COMPLETED
    ] * 12
    assert [next(errors, None) for errors in raised.values()] == [None, None]


def test_a_job_that_cannot_be_told_to_end_is_told_again_and_the_others_are_told_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, errors = ScriptedHandle.cancel, iter([psutil.AccessDenied(7), PermissionError(1, "not permitted")])

    def shaky(self: ScriptedHandle) -> None:
        if self.request.trial == 0 and (error := next(errors, None)) is not None:
            raise error
        cancel(self)

    monkeypatch.setattr(ScriptedHandle, "cancel", shaky)
    monkeypatch.setattr(cancellation, "POLL_SECONDS", 0.001)
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 10_000)
    at_each_submission(launcher, lambda: stop_request.ask(tmp_path, stop_request.StopRequest.NOW))
    ending = run(tmp_path, launcher)
    assert ending.stopped
    assert [handle.cancelled for handle in launcher.handles] == [True] * 4


def test_a_resumed_sweep_waits_until_it_can_look_for_its_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 3)
    with monkeypatch.context() as patch:
        kill_at(patch, 4, before=True)  # the first round is submitted, and none of it noted
        with pytest.raises(Killed):
            run(tmp_path, launcher)
    find, errors = launcher.find, iter([OSError(116, "Stale file handle")])

    def shaky(request: JobRequest) -> Any:
        if (error := next(errors, None)) is not None:
            raise error
        return find(request)

    launcher.find = shaky  # type: ignore[method-assign]
    monkeypatch.setattr(finding, "TRY_AGAIN_SECONDS", 0.001)
    assert Counter(trial.status for trial in run(tmp_path, launcher).trials) == {"COMPLETED": 12}
    assert Counter(launcher.log)["submit 0"] == 1
