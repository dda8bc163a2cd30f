"""The pause between two rounds of the loop: a result ends it, and no job is looked at more often than it pays."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives

from ax_moo.jobs.launcher import JobHandle, JobRequest, JobState
from ax_moo.sweep import loop
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.steps.pause import pause
from ax_moo.trial import Job
from ax_moo_launchers.files import result_file
from ax_moo_launchers.local.handle import LocalHandle

pytestmark = pytest.mark.hydra_free

LONG = 60.0


class Shown:
    """A job that shows its result at the look of this number, and counts the looks."""

    job = Job("1", "/jobs/1")

    def __init__(self, at: int = 10**9) -> None:
        self.looks, self._at = 0, at

    def may_have_ended(self) -> bool:
        self.looks += 1
        return self.looks == self._at

    def state(self) -> JobState:
        return JobState.RUNNING

    def result(self) -> Any: ...

    def cancel(self) -> None: ...


def _noting(waits: list[float], ready_at: int = 10**9) -> Callable[[float], bool]:
    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == ready_at

    return wait


def test_a_result_ends_the_pause() -> None:
    waits: list[float] = []
    handle = Shown(at=3)
    pause(_noting(waits), [Shown(), handle], LONG, 1.0)
    assert len(waits) == handle.looks == 3


def test_a_candidate_ends_the_pause() -> None:
    waits: list[float] = []
    pause(_noting(waits, ready_at=2), [Shown()], LONG, 1.0)
    assert len(waits) == 2


def test_a_job_that_cannot_be_looked_at_ends_neither_the_pause_nor_the_sweep() -> None:
    class Unreadable(Shown):
        def may_have_ended(self) -> bool:
            raise OSError("stale file handle")

    waits: list[float] = []
    pause(_noting(waits, ready_at=3), [Unreadable()], LONG, 1.0)
    assert len(waits) == 3


@pytest.mark.parametrize(("trial_seconds", "between"), [(None, 0.02), (0.5, 0.02), (10.0, 0.1), (1e6, LONG)])
def test_jobs_are_looked_at_a_hundred_times_in_a_trial(trial_seconds: float | None, between: float) -> None:
    waits: list[float] = []
    pause(_noting(waits, ready_at=1), [Shown()], LONG, trial_seconds)
    assert waits == [pytest.approx(between, abs=0.01)]


def test_jobs_that_show_nothing_are_waited_for_until_the_next_round() -> None:
    waits: list[float] = []
    pause(_noting(waits, ready_at=1), [], LONG, 1.0)
    assert waits == [pytest.approx(LONG, abs=0.1)]


def test_the_slot_of_a_job_that_shows_its_result_waits_for_no_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "POLL_SECONDS", LONG)

    class Showing(ScriptedLauncher):
        def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
            handles = super().submit(requests)
            for handle in self.handles[-len(requests) :]:
                handle.may_have_ended = lambda: True  # type: ignore[attr-defined]
            return handles

    begun = time.monotonic()
    launcher = Showing(two_objectives, polls=lambda trial: 2)
    Sweep(problem(objectives=TWO_OBJECTIVES), Settings(n_trials=4, n_jobs=2), launcher, tmp_path, _listed).run()
    assert time.monotonic() - begun < LONG


def _listed(known: Any) -> ListedCandidates:
    return ListedCandidates()


def test_a_submitted_job_shows_its_result_once(tmp_path: Path) -> None:
    handle = LocalHandle(Job("17", str(tmp_path)))
    assert not handle.may_have_ended()
    result_file(tmp_path, "17").write_bytes(b"")
    assert handle.may_have_ended()
    assert not handle.may_have_ended()
