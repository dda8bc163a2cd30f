"""Candidates that are prepared while all slots are busy: when, how many, and that a resume prepares the same ones."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from killed_loops import Killed, OldestEnds, kill_at
from quick import loop_without_pause  # noqa: F401

from ax_moo.jobs.launcher import JobRequest
from ax_moo.optimizer.base import Candidate, Lookahead, Method
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.lookahead import LookaheadRule
from ax_moo.storage import journal
from ax_moo.sweep import loop
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Settings
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.one_hydra

TWO = problem(objectives=TWO_OBJECTIVES)
EACH = pytest.mark.parametrize("lookahead", [0, 1, 2], indirect=True)


@pytest.fixture
def lookahead(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Lookahead:
    """The setting with which so many candidates are prepared ahead; the rule of ``auto`` may say two."""
    if request.param < 2:
        return Lookahead(str(request.param))
    monkeypatch.setattr(LookaheadRule, "ahead", request.param)
    return Lookahead.AUTO


class Knowing(ListedCandidates):
    """An optimizer whose candidates depend on their numbers and on all results that it was told, in their order."""

    def __init__(self, known: Sequence[Trial] = ()) -> None:
        super().__init__()
        self._sum = 0.0
        for trial in known:
            if trial.status.is_finished:
                self.tell(trial)

    def ask(self, index: int) -> Candidate:
        self.log.append(f"ask {index}")
        return Candidate({"x": (index * 0.37 + self._sum) % 1, "y": 0.5}, "Knowing")

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self._sum = math.fmod(self._sum * 1.7 + trial.index + 0.123, 1)


def run(folder: Path, launcher: Any, optimizer: Callable[..., Any] = Knowing, **options: Any) -> SweepResult:
    """One life of the sweep in this folder."""
    values: dict[str, Any] = {"n_trials": 7, "n_jobs": 3} | options
    return Sweep(TWO, Settings(**values), launcher, folder, optimizer, previous_run=resume.previous_run(folder)).run()


def proposals(ending: SweepResult) -> list[Any]:
    return [(trial.generation_node, dict(trial.parameterization), trial.knows) for trial in ending.trials]


def run_killed(patch: pytest.MonkeyPatch, event: int, before: bool, *arguments: Any, **options: Any) -> bool:
    """Run, and kill the sweep before or after its event-th line is in the journal; whether it was killed."""
    with patch.context() as inner:
        kill_at(inner, event, before)
        try:
            run(*arguments, **options)
        except Killed:
            return True
    return False


def test_a_candidate_is_ready_when_its_slot_becomes_free(tmp_path: Path) -> None:
    ending = run(tmp_path, OldestEnds(3, 7), lookahead=Lookahead.ONE)
    assert [trial.knows for trial in ending.trials] == [0, 0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize("lookahead", [2], indirect=True)
def test_two_candidates_are_ready_when_two_slots_become_free(tmp_path: Path, lookahead: Lookahead) -> None:
    ending = run(tmp_path, OldestEnds(3, 7, at_once=2), lookahead=lookahead)
    assert [trial.knows for trial in ending.trials] == [0, 0, 0, 0, 0, 2, 2]


def test_without_lookahead_a_candidate_knows_the_result_that_frees_its_slot(tmp_path: Path) -> None:
    ending = run(tmp_path, OldestEnds(3, 7), lookahead=Lookahead.NONE)
    assert [trial.knows for trial in ending.trials] == [0, 0, 0, 1, 2, 3, 4]


@EACH
def test_no_candidate_is_prepared_beyond_the_budget(tmp_path: Path, lookahead: Lookahead) -> None:
    optimizer = Knowing()
    run(tmp_path, OldestEnds(3, 7), lambda known: optimizer, lookahead=lookahead)
    assert [line for line in optimizer.log if line.startswith("ask")] == [f"ask {index}" for index in range(7)]


def test_nothing_is_prepared_while_a_launcher_runs_its_jobs_inside_the_sweeper(tmp_path: Path) -> None:
    launcher, optimizer = ScriptedLauncher(two_objectives, is_blocking=True), Knowing()
    run(tmp_path, launcher, lambda known: optimizer, lookahead=Lookahead.ONE)
    assert optimizer.log.index("ask 3") > optimizer.log.index("tell 2")


@EACH
@pytest.mark.parametrize("at_once", [1, 2])
def test_wherever_it_is_killed_a_sweep_proposes_what_it_would_have_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookahead: Lookahead, at_once: int
) -> None:
    whole = proposals(run(tmp_path / "whole", OldestEnds(3, 7, at_once), lookahead=lookahead))
    for event in range(7 * 3):
        for before in (True, False):
            folder, launcher = tmp_path / f"{event}-{before}", OldestEnds(3, 7, at_once)
            assert run_killed(monkeypatch, event, before, folder, launcher, lookahead=lookahead)
            assert proposals(run(folder, launcher, lookahead=lookahead)) == whole


@EACH
def test_results_that_come_in_while_no_sweeper_runs_change_no_candidate_that_was_due_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookahead: Lookahead
) -> None:
    whole = proposals(run(tmp_path / "whole", OldestEnds(3, 7), lookahead=lookahead))
    for event in range(6, 7 * 2):
        folder, launcher = tmp_path / str(event), OldestEnds(3, 7)
        assert run_killed(monkeypatch, event, False, folder, launcher, lookahead=lookahead)
        launcher.end_oldest()
        due = len(journal.trials(folder)) + (2 if lookahead is Lookahead.AUTO else 1)
        assert proposals(run(folder, launcher, lookahead=lookahead))[:due] == whole[:due]


@EACH
def test_a_sweep_that_is_killed_again_and_again_proposes_what_it_would_have_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookahead: Lookahead
) -> None:
    whole = proposals(run(tmp_path / "whole", OldestEnds(3, 7), lookahead=lookahead))
    launcher, lives = OldestEnds(3, 7), 0
    while run_killed(monkeypatch, 1, False, tmp_path / "killed", launcher, lookahead=lookahead):
        lives += 1
    assert lives > 7
    assert proposals(run(tmp_path / "killed", launcher, lookahead=lookahead)) == whole


@EACH
@pytest.mark.slow  # sixteen fits of a model
# A fit is ended by an exception in its thread, which may be raised in a weak reference's callback.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_sweep_with_ax_that_is_killed_again_and_again_proposes_what_it_would_have_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookahead: Lookahead
) -> None:
    def optimizer(known: Sequence[Trial]) -> AxOptimizer:
        made = AxOptimizer(TWO, seed=5, n_initial=3)
        made.replay(known)
        return made

    whole = run(tmp_path / "whole", OldestEnds(3, 8), optimizer, n_trials=8, lookahead=lookahead)
    assert whole.trials[-1].generation_node == "MBM"
    launcher, folder, event = OldestEnds(3, 8), tmp_path / "killed", 0
    while run_killed(
        monkeypatch, event % 5 + 2, event % 2 == 0, folder, launcher, optimizer, n_trials=8, lookahead=lookahead
    ):
        event += 1
    assert event > 3
    killed = run(folder, launcher, optimizer, n_trials=8, lookahead=lookahead)
    assert proposals(killed) == proposals(whole)


def rule(
    setting: Lookahead, n: int, seconds: float, duration: float, method: Method = Method.AUTO, slots: int = 4
) -> LookaheadRule:
    """The rule after n trials of this duration, whose candidates came from a model and cost so many seconds."""
    made = LookaheadRule(setting, method, slots)
    for index in range(n):
        trial = Trial(index, {}, generation_node="MBM", generation_seconds=seconds, time=0.0)
        made.note(trial)
        made.note(trial.to(TrialStatus.RUNNING, time=0.0).to(TrialStatus.COMPLETED, outcome={"f": 1.0}, time=duration))
    return made


@pytest.mark.parametrize(
    ("n", "seconds", "duration", "ahead"),
    [
        (10, 1.0, 9.0, 2),
        (10, 1.0, 11.0, 1),
        (10, 1.0, 49.0, 1),
        (10, 1.0, 51.0, 0),
        (200, 1.0, 19.0, 2),
        (200, 1.0, 21.0, 1),
        (200, 1.0, 199.0, 1),
        (200, 1.0, 201.0, 0),
    ],
)
def test_as_many_candidates_are_prepared_ahead_as_cost_a_slot_less_than_the_wait_for_them(
    n: int, seconds: float, duration: float, ahead: int
) -> None:
    assert rule(Lookahead.AUTO, n, seconds, duration).ahead == ahead
    assert rule(Lookahead.ONE, n, seconds, duration).ahead == 1
    assert rule(Lookahead.NONE, n, seconds, duration).ahead == 0


@pytest.mark.parametrize(("slots", "ahead"), [(1, 1), (4, 1), (8, 2), (12, 2), (13, 1), (64, 1)])
def test_two_are_prepared_where_slots_become_free_one_soon_after_the_other(slots: int, ahead: int) -> None:
    assert rule(Lookahead.AUTO, 10, 1.0, 12.0, slots=slots).ahead == ahead


def test_before_the_models_first_candidate_one_is_prepared_at_most() -> None:
    made = LookaheadRule(Lookahead.AUTO, Method.AUTO, slots=64)
    made.note(Trial(0, {}, time=0.0).to(TrialStatus.RUNNING, time=0.0).to(TrialStatus.FAILED, time=0.1))
    assert made.ahead == 1


def test_a_night_without_a_sweeper_is_no_trials_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three jobs end while no sweeper runs; neither that resume nor the next one takes the night for their duration."""
    seconds, note, now = list[float | None](), LookaheadRule.note, 1000.0

    def noted(rule: LookaheadRule, trial: Trial) -> None:
        note(rule, trial)
        seconds.append(rule.trial_seconds)

    monkeypatch.setattr(LookaheadRule, "note", noted)
    monkeypatch.setattr(loop, "steady_clock", lambda last: lambda: now)
    launcher = OldestEnds(3, 7)
    assert run_killed(monkeypatch, 9, False, tmp_path, launcher)
    running = [trial for trial in journal.trials(tmp_path) if trial.status is TrialStatus.RUNNING]
    assert len(running) > 1
    for _ in running:
        launcher.end_oldest()
    now += 8 * 3600.0
    for event in (5, 20):
        run_killed(monkeypatch, event, False, tmp_path, launcher)
    trials = journal.trials(tmp_path)
    assert sum(trial.time > now - 1 for trial in trials) >= len(running)
    assert sum(trial.run_seconds is None for trial in trials) >= len(running)
    assert {*seconds} == {None, 0.0}


def test_a_candidate_that_depends_on_no_result_is_always_prepared_ahead() -> None:
    assert rule(Lookahead.AUTO, 10, 0.01, 1e6, Method.SOBOL).ahead == 1
    assert LookaheadRule(Lookahead.AUTO, Method.AUTO, slots=4).ahead == 1


def test_no_job_runs_inside_the_sweeper_while_ax_computes_what_a_killed_sweep_had_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Knowing):
        is_computing = threading.Event()

        def ask(self, index: int) -> Candidate:
            self.is_computing.set()
            time.sleep(0.1)
            self.is_computing.clear()
            return super().ask(index)

    class Blocking(ScriptedLauncher):
        def submit(self, requests: Sequence[JobRequest]) -> Any:
            while_computing.append(Slow.is_computing.is_set())
            return super().submit(requests)

    while_computing: list[bool] = []
    with monkeypatch.context() as inner:
        inner.setattr(LookaheadRule, "ahead", 2)
        killed = OldestEnds(3, 8)
        assert run_killed(inner, 6, False, tmp_path, killed, n_trials=8)
    assert len(list(journal.events(tmp_path))[-1].next_knows) == 2
    launcher = Blocking(two_objectives, is_blocking=True)
    launcher.handles = list(killed.handles)
    for _ in range(3):
        killed.end_oldest()
    run(tmp_path, launcher, Slow, n_trials=8, n_jobs=1)
    assert len(while_computing) >= 4
    assert not any(while_computing)
