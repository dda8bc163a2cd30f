"""The thread that owns the optimizer: when its candidate wakes the loop."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from waiting import wait_until

from ax_moo.jobs.launcher import JobRequest, JobResult
from ax_moo.optimizer.background import BackgroundOptimizer
from ax_moo.optimizer.base import MODEL_NODE, Method
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.problem.problem import Problem
from ax_moo.storage import stop_request
from ax_moo.sweep import loop
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.observers import Progress
from ax_moo.sweep.settings import Settings
from ax_moo.system import disk
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

TWO = problem(objectives=TWO_OBJECTIVES)
LONG = 60.0


def test_a_candidate_ends_the_wait_for_it() -> None:
    with BackgroundOptimizer(ListedCandidates) as asking:
        asking.ask(index=0, finished=0)
        begun = time.monotonic()
        asking.wait(LONG)
        assert time.monotonic() - begun < LONG
        assert asking.take() is not None


def test_a_candidate_that_nobody_takes_ends_one_wait_and_no_more() -> None:
    with BackgroundOptimizer(ListedCandidates) as asking:
        asking.ask(index=0, finished=0)
        asking.wait(LONG)
        begun = time.monotonic()
        asking.wait(0.3)
        assert time.monotonic() - begun >= 0.3
        assert asking.take() is not None


def test_where_the_initial_design_fails_the_optimizer_proposes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def divides_by_zero(design: InitialDesign) -> None:
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr(InitialDesign, "ask", divides_by_zero)
    design = InitialDesign(TWO, Method.AUTO, seed=1)
    with BackgroundOptimizer(ListedCandidates, design) as asking:
        for index in range(2):
            asking.ask(index=index, finished=0)
            asking.wait(LONG)
            candidate = asking.take()
            assert candidate is not None
            assert asking.gave_up is None
            asking.tell(Trial(index, candidate.parameterization).to(TrialStatus.FAILED, reason="boom"))
    assert [record.levelname for record in caplog.records] == ["ERROR"], "once, and without the design afterwards"
    assert "The initial design has no candidate for trial 0; Ax proposes it instead" in caplog.text


class _Rounds:
    """An observer that notes when the rounds of the loop were."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def open(self, problem: Problem, trials: Sequence[Trial]) -> None:
        pass

    def on_trial_state(self, trial: Trial) -> None:
        pass

    def on_poll(self, progress: Progress) -> None:
        self.times.append(time.monotonic())

    def close(self) -> None:
        pass


def _stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_request.ask(folder, stop_request.StopRequest.FINISH)


def _paused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = iter([False] * 20)
    monkeypatch.setattr(disk, "has_room", lambda folder: next(rooms, True))


def _out_of_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ax_moo.sweep.budget.Budget.is_out_of_time", lambda budget, seconds: True)


def _failed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ax_moo.sweep.budget.Budget.is_exceeded_by", lambda budget, failed, finished: True)


def _first_fails(request: JobRequest) -> JobResult:
    return two_objectives(request) if request.trial else JobResult(error="no")


@pytest.mark.parametrize("close", [_stopped, _paused, _out_of_time, _failed])
def test_the_loop_does_not_spin_while_a_candidate_is_ready_that_nobody_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, close: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    """One of two jobs ends soon, and while a candidate for its slot is computed, the slot is closed."""
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.05)
    closed: list[float] = []

    class Closing(ListedCandidates):
        def ask(self, index: int) -> Any:
            if index == 2:
                close(tmp_path, monkeypatch)
                closed.append(time.monotonic())
            return super().ask(index)

    rounds, launcher = _Rounds(), ScriptedLauncher(_first_fails, polls=lambda trial: 1 if trial == 0 else 15)
    settings = Settings(n_trials=3, n_jobs=2)
    Sweep(TWO, settings, launcher, tmp_path, lambda known: Closing(), [rounds]).run()
    since = [at for at in rounds.times if at > closed[0]]
    short = [later - at for at, later in pairwise(since) if later - at < 0.04]
    assert len(since) > 10
    assert len(short) <= 2


def test_a_second_candidate_is_not_computed_where_there_is_no_first_one() -> None:
    optimizer = ListedCandidates(waits_at={0: 1})
    with BackgroundOptimizer(lambda: optimizer) as asking:
        asking.ask(index=0, finished=0)
        asking.ask(index=1, finished=0)
        wait_until(lambda: not asking.is_computing, "both answers")
        assert asking.take() is None
        assert (asking.knows, asking.is_waiting) == ((), True)
        asking.tell(Trial(7, {}).to(TrialStatus.COMPLETED, outcome={"f": 1.0}))
        asking.ask(index=0, finished=1)
        wait_until(lambda: not asking.is_computing, "the answer")
        assert asking.take() is not None
    assert optimizer.log == ["wait 0", "tell 7", "ask 0"]


def test_each_of_two_candidates_that_are_ready_ends_a_wait_when_it_can_be_taken() -> None:
    with BackgroundOptimizer(ListedCandidates) as asking:
        asking.ask(index=0, finished=0)
        asking.ask(index=1, finished=0)
        wait_until(lambda: not asking.is_computing, "both candidates")
        asking.wait(1.0)  # while no slot is free
        assert asking.take() is not None
        assert asking.wait(0.0)
        assert asking.take() is not None
        assert not asking.wait(0.0)


def test_the_design_proposes_two_points_for_two_candidates_that_are_asked_for_before_one_is_taken() -> None:
    initial = [{"x": 0.1, "y": 0.2}, {"x": 0.3, "y": 0.4}]  # added to the config of a sweep that has a model
    design = InitialDesign(problem(objectives=TWO_OBJECTIVES), Method.AUTO, seed=0, initial=initial)
    design.replay([Trial(index, {"x": index / 9, "y": 0.5}, generation_node=MODEL_NODE) for index in range(9)])
    optimizer = ListedCandidates()
    with BackgroundOptimizer(lambda: optimizer, design) as asking:
        for index in (9, 10, 11):
            asking.ask(index, finished=0)
        wait_until(lambda: not asking.is_computing, "all candidates")
        taken = [asking.take() for _ in range(3)]
    assert [candidate and candidate.generation_node for candidate in taken] == ["initial", "initial", "Listed"]
    assert [dict(candidate.parameterization) for candidate in taken[:2] if candidate] == initial
    assert optimizer.log == ["accept 9", "accept 10", "ask 11"]
