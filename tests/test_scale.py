"""What a sweep does for one event does not grow with the number of its trials."""

import itertools
import json
import math
import os
import pickle
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives

from ax_moo.cli.status import pause
from ax_moo.console.progress import LiveTable, LogLines
from ax_moo.html_report.observer import interval
from ax_moo.jobs.launcher import JobHandle, JobRequest
from ax_moo.problem.best_so_far import BestSoFar
from ax_moo.problem.frontier import hypervolume_of, pareto_trials
from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.journal import Journal
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.steps import submission
from ax_moo.sweep.steps.submission import Submitter
from ax_moo.sweep.trials import Trials
from ax_moo.trial import Fault, Job, Trial, TrialStatus
from ax_moo_launchers import files, handle
from ax_moo_launchers.carriers import time_left
from ax_moo_launchers.files import process_file, result_file
from ax_moo_launchers.local.handle import LocalHandle

pytestmark = pytest.mark.hydra_free

TWO = problem(objectives=TWO_OBJECTIVES)


def _completed(index: int, f: float, g: float) -> Trial:
    return Trial(index, {"x": 0.5, "y": 0.5}, TrialStatus.COMPLETED, outcome={"f": f, "g": g})


def _spread(count: int) -> list[Trial]:
    return [_completed(index, (index * 0.37) % 1, (index * 0.61) % 1) for index in range(count)]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each time that something went through all trials: how many there were."""
    seen: list[int] = []
    through = Trials.__iter__

    def counted(self: Trials) -> Iterator[Trial]:
        seen.append(len(self))
        return through(self)

    monkeypatch.setattr(Trials, "__iter__", counted)
    return seen


@pytest.mark.parametrize("count", [10, 60])
def test_the_loop_goes_through_all_trials_at_its_begin_and_end_alone(
    tmp_path: Path, looks: list[int], count: int
) -> None:
    settings = Settings(n_trials=count, n_jobs=4)
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 1)
    observers = [LogLines(), LiveTable()]
    ending = Sweep(TWO, settings, launcher, tmp_path, lambda trials: ListedCandidates(), observers).run()
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * count
    assert looks == [0, count]


class Cluster(ScriptedLauncher):
    """A submission takes half a second, however many jobs it has."""

    submits_together = True

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        time.sleep(0.5)
        return super().submit(requests)


def test_trials_whose_slots_become_free_together_are_one_submission(tmp_path: Path) -> None:
    launcher = Cluster(two_objectives, polls=lambda trial: 1)
    Sweep(TWO, Settings(n_trials=12, n_jobs=4), launcher, tmp_path, lambda trials: ListedCandidates()).run()
    assert launcher.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_after_a_refusal_trials_go_out_one_by_one_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = Cluster(two_objectives)
    submitter, trials = Submitter(launcher, TWO.search_space), [Trial(i, {"x": 0.5, "y": 0.5}) for i in range(2)]
    submitter.submit(trials, is_first=True)
    assert submitter.takes_several
    monkeypatch.setattr(launcher, "submit", lambda requests: 1 / 0)
    submitter.submit(trials, is_first=False)
    assert not submitter.takes_several
    monkeypatch.setattr(submission, "ONE_BY_ONE_SECONDS", 0.0)
    assert submitter.takes_several


def test_a_result_is_read_once_while_the_jobs_other_tasks_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_file(tmp_path, "7").write_text(json.dumps({"n_tasks": 2}))
    first, second = (result_file(tmp_path, "7", task) for task in range(2))
    first.write_bytes(pickle.dumps(("success", 1.0)))
    read: list[Path] = []
    monkeypatch.setattr(handle, "is_whole", lambda path: read.append(path) or files.is_whole(path))
    job = LocalHandle(Job("7", str(tmp_path), "local"))
    assert not any(job.has_results() for _ in range(10))
    assert read.count(first) == 1
    second.write_bytes(pickle.dumps(("success", 2.0)))
    assert job.has_results()
    first.write_bytes(b"")
    assert not job.has_results()


@pytest.mark.parametrize("count", [3, 200])
def test_a_line_of_the_journal_costs_the_same_after_many_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    def record(journal: Journal, number: int) -> None:
        journal.record(_completed(100 + number, 0.5, 0.5))

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    journal = Journal(tmp_path)
    journal.begin(TWO.to_dict(), {"time": 0.0})
    for number in range(count):
        record(journal, number)
    counted = journal._file = Counted(journal._file)
    record(journal, count)
    line = (tmp_path / JOURNAL_FILE).read_bytes().splitlines(keepends=True)[-1]
    assert (counted.read_bytes, counted.written) == (len(line), len(line))
    journal.close()


class Counted:
    """A file that counts the bytes which are read and written."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.read_bytes = self.written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self) -> bytes:
        content: bytes = self._file.read()
        self.read_bytes += len(content)
        return content

    def write(self, data: bytes) -> int:
        self.written += len(data)
        return int(self._file.write(data))


def test_a_status_that_takes_long_is_watched_less_often() -> None:
    assert [pause(seconds) for seconds in (0.1, 2.0)] == [2.0, 10.0]


def test_a_page_that_takes_long_is_written_less_often() -> None:
    assert [interval(seconds) for seconds in (0.0, 2.0, 60.0)] == [30.0, 30.0, 600.0]


def test_the_counts_of_trials_follow_their_states() -> None:
    trials = Trials([Trial(0, {}), Trial(2, {})])
    assert (len(trials), trials.next_number, trials.has_had_job) == (2, 3, False)
    job = Job("7", "")
    running = trials[0].to(TrialStatus.RUNNING, job=job)
    for trial in (running, trials[2].to(TrialStatus.RUNNING, job=job)):
        trials.enter(trial)
    assert trials.has_had_job
    trials.enter(running.retry("lost", fault=Fault.NODE_FAILED, node="n1", counts=False))
    assert [trials.count(status) for status in (TrialStatus.STAGED, TrialStatus.RUNNING)] == [1, 1]
    assert [trial.index for trial in trials.on_bad_nodes] == [0]
    trials.enter(trials[0].to(TrialStatus.FAILED, fault=Fault.NODE_FAILED))
    trials.enter(trials[2].to(TrialStatus.COMPLETED, outcome={"f": 1.0}))
    assert (trials.finished, trials.judged, trials.failed) == (2, 1, 0)
    assert trials.outcome == {"f": 1.0}
    trials.enter(Trial(3, {}, TrialStatus.FAILED, reason="boom"))
    assert (trials.judged, trials.failed, [trial.index for trial in trials]) == (2, 1, [0, 2, 3])


def test_a_budget_judges_by_counts_as_it_does_by_trials() -> None:
    for failed in range(8):
        trials = [Trial(i, {}, TrialStatus.FAILED if i < failed else TrialStatus.COMPLETED) for i in range(7)]
        trials += [Trial(7, {}, TrialStatus.FAILED, fault=Fault.PREEMPTED)]
        counts, budget = Trials(trials), Budget(10, max_failure_rate=0.5)
        assert budget.is_exceeded_by(counts.failed, counts.judged) == budget.has_failed(trials)


def test_the_best_so_far_is_that_of_all_trials() -> None:
    trials = _spread(60)
    so_far = BestSoFar(TWO)
    for number, trial in enumerate(trials, start=1):
        so_far.add(trial)
        assert so_far.front == pareto_trials(trials[:number], TWO)
        assert so_far.hypervolume == hypervolume_of(trials[:number], TWO)
    assert so_far.best(TWO.objectives[0]) == max((t.outcome["f"], t.index) for t in trials if t.outcome)
    so_far.add(trials[-1])
    assert len(so_far) == 60


def test_a_result_is_compared_with_the_frontier_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from ax_moo.problem import best_so_far

    compared: list[int] = []
    whole = best_so_far.pareto_trials
    monkeypatch.setattr(
        best_so_far, "pareto_trials", lambda trials, p: compared.append(len(trials)) or whole(trials, p)
    )
    so_far = BestSoFar(TWO, _spread(2000))
    assert max(compared) <= len(so_far.front) + 10


def test_a_job_of_many_trials_asks_seldom_while_much_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    now = 0.0

    def answer(job_id: str, timeout_s: float) -> dict[str, str]:
        asked.append(now)
        if len(asked) == 1:
            return {}  # the controller does not answer
        return {"RunTime": f"00:{int(now) // 60:02}:{int(now) % 60:02}", "TimeLimit": "00:20:00"}

    monkeypatch.setattr(time_left, "facts_of", answer)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    left = time_left.TimeLeft("7")
    while now < 1190.0:
        assert left() == (1200.0 - now if len(asked) > 1 else math.inf)
        now += 1.0
    assert asked[:3] == [0.0, 5.0, 125.0]
    assert len(asked) < 60
    assert all(later - before >= 5 for before, later in itertools.pairwise(asked))
