"""The makespan benchmark: the ideal, where the slots' time went, and one small run of it."""

import subprocess
import sys
from pathlib import Path

import pytest
from measuring.durations import ideal, log_normal
from measuring.result import Result
from measuring.slot_time import PARTS, Worked, split

from ax_moo.trial import Job, Trial, TrialStatus

pytestmark = pytest.mark.one_hydra

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_the_ideal_gives_the_next_trial_to_the_slot_that_is_free_first() -> None:
    assert ideal([5, 1, 1, 1, 4], slots=2) == 7
    assert ideal([2, 3], slots=4) == 3


def test_durations_are_the_same_for_the_same_seed_and_have_the_median_that_was_asked_for() -> None:
    drawn = log_normal(1001, median=2.0, sigma=1.0, seed=3)
    assert drawn == log_normal(1001, median=2.0, sigma=1.0, seed=3)
    assert sorted(drawn)[500] == pytest.approx(2.0, rel=0.2)


def states(index: int, staged: float, running: float, completed: float) -> list[Trial]:
    first = Trial(index, {"x": index}, time=staged)
    second = first.to(TrialStatus.RUNNING, job=Job(str(index), "/job"), time=running)
    return [first, second, second.to(TrialStatus.COMPLETED, outcome={"f": 1.0}, time=completed)]


def test_every_second_of_every_slot_has_a_part() -> None:
    events = [*states(0, 3, 4, 10), *states(1, 3, 4, 20), *states(2, 12, 13, 19)]
    events.sort(key=lambda event: event.time)
    work = {0: Worked(5, 9), 1: Worked(5, 19), 2: Worked(14, 18)}
    parts = split(events, 1, work, slots=2, began=0)
    assert parts == {
        "command": 2,
        "candidate": 2 * 2 + 2,
        "submission": 3,
        "job start": 3,
        "work": 4 + 14 + 4,
        "job end": 3,
        "end": 1,
    }
    assert sum(parts.values()) == 2 * 20


def test_a_candidate_that_was_there_before_the_slot_was_free_costs_no_slot_time() -> None:
    events = [*states(0, 1, 2, 10), *states(1, 5, 12, 20)]
    events.sort(key=lambda event: event.time)
    parts = split(events, 0, {0: Worked(3, 9), 1: Worked(13, 19)}, slots=1, began=0)
    assert parts["candidate"] == 1
    assert parts["submission"] == 1 + 2


def test_a_launcher_that_is_not_ready_is_no_lack_of_a_candidate() -> None:
    events = [*states(0, 0, 0, 10), *states(1, 0, 0, 11), *states(2, 10, 16, 20), *states(3, 15, 16, 20)]
    events.sort(key=lambda event: event.time)
    work = {0: Worked(0, 10), 1: Worked(0, 11), 2: Worked(16, 20), 3: Worked(16, 20)}
    parts = split(events, 0, work, slots=2, began=0)
    assert parts["candidate"] == 4
    assert parts["submission"] == 6 + 1


def test_the_makespan_is_measured_and_simulated_and_every_part_of_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "makespan.json"
    options = [
        "--trials=4",
        "--slots=2",
        "--median=0.2",
        "--long=1",
        "--tools=sobol",
        "--simulate=sobol",
        "--no-report",
    ]
    command = [sys.executable, str(BENCHMARKS / "makespan.py"), *options, "--json", str(path)]
    shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    measured, _ = Result.read(path)
    times, parts = measured.tables
    assert [row[0] for row in times.rows] == ["ours, method=sobol", "ours, method=sobol, simulated"]
    assert all(isinstance(ratio, float) and ratio >= 1 for ratio in (row[3] for row in times.rows))
    assert sum(float(row[1] or 0) for row in parts.rows) == pytest.approx(100)
    assert all(f"{part}: {meaning}" in shown for part, meaning in PARTS.items())
    assert measured.raw["parts"]["sobol"]["work"] >= sum(measured.raw["durations"])
