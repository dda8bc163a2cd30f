"""A journal that no sweep can have written is refused by sweeper and commands, with the line and what is wrong."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from journals import life, running, staged, write_journal
from typer.testing import CliRunner

import ax_moo
from ax_moo.cli.app import app
from ax_moo.storage import journal, lock, stop_request
from ax_moo.storage.journal import JOURNAL_FILE
from ax_moo.storage.journal import lines as journal_lines
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Settings
from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.hydra_free

TWO = problem(objectives=TWO_OBJECTIVES)
OUTCOME = {"f": 0.5, "g": 0.25}
ONCE_LOST = running(staged(2, {"x": 0.3, "y": 0.4}, 3), 3, "job-2").retry("killed", time=1_700_000_004.0)
EVENTS = [
    *life(0, {"x": 0.1, "y": 0.2}, OUTCOME, 0, 1),
    *life(1, {"x": 0.2, "y": 0.3}, "boom", 1, 2),
    *(staged(2, {"x": 0.3, "y": 0.4}, 3), running(staged(2, {"x": 0.3, "y": 0.4}, 3), 3, "job-2")),
    *(ONCE_LOST, running(ONCE_LOST, 5, "job-2-2")),
]
Row = dict[str, Any]


def _rows(folder: Path) -> list[Row]:
    write_journal(folder, TWO, EVENTS)
    return [json.loads(line) for line in (folder / JOURNAL_FILE).read_text().splitlines()]


def _refused(folder: Path) -> str:
    """What every reader says about the folder."""
    said = set()
    for read in (ax_moo.load, resume.previous_run):
        with pytest.raises(ConfigError) as raised:
            read(folder)
        said.add(str(raised.value))
    for command in ("status", "export", "report", "stop", "resume"):
        result = CliRunner().invoke(app, [command, str(folder)])
        assert (result.exit_code, result.stdout) == (2, ""), result.stderr
        said.add(result.stderr.removeprefix(f"ax-moo {command}: ").rstrip("\n"))
    (words,) = said
    return words


def _set(number: int, **values: Any) -> Callable[[list[Row]], Any]:
    return lambda rows: rows[number - 1].update(values)


def _unset(number: int, key: str) -> Callable[[list[Row]], Any]:
    return lambda rows: rows[number - 1].pop(key)


def _drop_trial(trial: int) -> Callable[[list[Row]], Any]:
    def drop(rows: list[Row]) -> None:
        rows[:] = [row for row in rows if row.get("trial") != trial]

    return drop


def _swap(one: int, other: int) -> Callable[[list[Row]], Any]:
    def swap(rows: list[Row]) -> None:
        rows[one - 1], rows[other - 1] = rows[other - 1], rows[one - 1]

    return swap


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (_set(2, trial="0"), 2, "trial must be a whole number of at least 0, got '0'"),
        (_set(2, trial=True), 2, "trial must be a whole number"),
        (_set(2, trial=-1), 2, "trial must be a whole number"),
        (_set(3, status="RUNING"), 3, "status must be one of STAGED, RUNNING"),
        (_set(3, status=["RUNNING"]), 3, "status must be one of"),
        (_set(3, parameterization=[0.1, 0.2]), 3, "parameterization must be a mapping"),
        (_set(3, time="yesterday"), 3, "time must be a number of seconds"),
        (_set(3, time=10**400), 3, "time must be a number of seconds"),
        (_unset(3, "time"), 3, "time is missing"),
        (_set(3, job="7"), 3, "job must be a mapping"),
        (_set(3, job={"job_id": 7, "folder": ""}), 3, "job.job_id must be a text"),
        (_set(4, outcome=0.5), 4, "outcome must be a mapping"),
        (_set(4, outcome={"f": "0.5", "g": 1.0}), 4, "outcome must be a mapping"),
        (_set(4, outcome={"f": [0.5], "g": 1.0}), 4, "outcome must be a mapping"),
        (_set(4, outcome={"f": float("nan"), "g": 1.0}), 4, "value of 'f' that is not finite"),
        (_set(4, outcome={"f": 0.5}), 4, "COMPLETED without a value of 'g'"),
        (_set(10, attempt=1), 10, "attempt is 1, and there are 1 earlier ones"),
        (_set(10, attempt=3), 10, "attempt is 3, and there are 1 earlier ones"),
        (_unset(4, "outcome"), 4, "COMPLETED without a value of 'f'"),
        (_set(7, reason=3), 7, "reason must be a text"),
        (_set(10, earlier={"job": {}}), 10, "earlier must be a list"),
        (_set(10, earlier=[{"reason": "killed"}]), 10, "earlier attempt 1: job is missing"),
        (_set(2, parameterization={"x": 0.1}), 2, "trial 0 has no value of 'y'"),
        (_set(2, parameterization={"x": "0.1", "y": 0.2}), 2, "x must be a number, got '0.1'"),
        (_set(2, parameterization={"x": 7, "y": 0.2}), 2, "x must be between 0.0 and 1.0, got 7"),
        (_set(4, parameterization={"x": 0.11, "y": 0.2}), 4, "trial 0 has another parameterization than before"),
        (_set(3, parameterization={"x": True, "y": 0.2}), 3, "x must be a number, got true"),
        (_unset(3, "job"), 3, "trial 0 is RUNNING without a job"),
        (_set(7, status="COMPLETED"), 7, "COMPLETED without a value"),
        (_set(4, status="FAILED"), 4, "is FAILED and has an outcome"),
        (_drop_trial(1), 5, "trial 2 begins, and trial 1 never does"),
        (_drop_trial(0), 2, "trial 1 begins, and trial 0 never does"),
        (_set(5, trial=0), 5, "trial 0 has another parameterization than before"),
        (_swap(3, 4), 4, "trial 0 was COMPLETED already"),
        (_swap(8, 9), 9, "trial 2 was RUNNING at attempt 1, and cannot be STAGED at 1 then"),
        (_swap(9, 10), 10, "trial 2 was STAGED at attempt 2, and cannot be RUNNING at 1 then"),
        (lambda rows: rows.append(rows[1]), 12, "trial 0 was COMPLETED already"),
        (lambda rows: rows.pop(0), 1, "is a trial, and the sweep's own line is missing before it"),
        (lambda rows: rows.insert(4, rows[0]), 5, "trial is missing"),
        (lambda rows: rows.insert(4, [1]), 5, "it must be a mapping, got [1]"),
        (_set(1, problem=3), 1, "problem must be a mapping"),
        (_unset(1, "problem"), 1, "problem is missing"),
        (_unset(1, "time"), 1, "time is missing"),
        (_set(1, time="now"), 1, "time must be a number of seconds"),
        (_set(1, seed="7"), 1, "seed must be a whole number, or null"),
        (_set(1, problem={**TWO.to_dict(), "objectives": []}), 1, "objectives must be a list of at least one"),
        (
            _set(1, problem={**TWO.to_dict(), "search_space": {"parameters": [{"type": "x"}], "overrides": []}}),
            1,
            "type must be one of range, choice, fixed",
        ),
    ],
)
def test_a_line_that_no_sweep_has_written_is_named_by_every_reader(
    tmp_path: Path, change: Callable[[list[Row]], Any], line: int, words: str
) -> None:
    rows = _rows(tmp_path)
    change(rows)
    (tmp_path / JOURNAL_FILE).write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = _refused(tmp_path)
    assert said.startswith(f"{tmp_path}/sweep.jsonl: line {line} ")
    assert words in said
    assert "put a copy of the file in its place" in said
    assert f"ax-moo doctor {tmp_path}" in said


@pytest.mark.parametrize(
    "arm", [{"x": 0.2, "y": 0.4}, {"x": "0.3", "y": 0.4}, {"x": 0.3}, {"z": 1}, {"x": 1e308, "y": 0.4}]
)
def test_an_arm_that_is_another_point_is_refused_before_the_optimizer_learns_from_it(
    tmp_path: Path, arm: dict[str, Any]
) -> None:
    rows = _rows(tmp_path)
    rows[7:] = [{**rows[7], "arm": {"x": 0.3, "y": 0.4}}]
    for sound in (True, False):
        (tmp_path / JOURNAL_FILE).write_text("".join(json.dumps(row) + "\n" for row in rows))
        if sound:
            assert resume.previous_run(tmp_path) is not None
        rows[7]["arm"] = arm
    with pytest.raises(ConfigError, match=r"sweep\.jsonl: the arm of trial 2 is another point"):
        resume.previous_run(tmp_path)


def test_a_line_without_an_end_is_not_read_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _rows(tmp_path)
    monkeypatch.setattr(journal_lines, "LONGEST_LINE", 10_000)
    with open(tmp_path / JOURNAL_FILE, "a") as file:
        file.write("x" * 30_000)
    assert "line 12 is not what the sweep wrote (it has more than 10000 bytes)" in _refused(tmp_path)


@pytest.mark.parametrize(
    "text", [b"\0" * 50 + b"\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"\n", b'{"trial": 1' + b"1" * 5000 + b"}\n"]
)
def test_bytes_that_are_no_json_are_named_with_their_line(tmp_path: Path, text: bytes) -> None:
    _rows(tmp_path)
    lines = (tmp_path / JOURNAL_FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / JOURNAL_FILE).write_bytes(b"".join([*lines[:3], text, *lines[3:]]))
    assert f"{tmp_path}/sweep.jsonl: line 4 is not what the sweep wrote" in _refused(tmp_path)


def test_zeros_after_the_last_line_are_an_incomplete_line(tmp_path: Path) -> None:
    _rows(tmp_path)
    with open(tmp_path / JOURNAL_FILE, "ab") as file:
        file.write(b"\0" * 4096)
    assert ax_moo.load(tmp_path).trials["status"].tolist() == ["COMPLETED", "FAILED", "RUNNING"]


@pytest.mark.parametrize("numbers", [(2,), (3,), (4,), (11,), (2, 3, 4), (9, 10, 11)])
def test_a_last_state_that_is_there_twice_does_no_harm(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    rows = _rows(tmp_path)
    before = journal.last_states(tmp_path)
    again = [each for number, row in enumerate(rows, 1) for each in [row] * (2 if number in numbers else 1)]
    if 4 in numbers:
        again.append(rows[3])
    (tmp_path / JOURNAL_FILE).write_text("".join(json.dumps(row) + "\n" for row in again))
    previous_run = resume.previous_run(tmp_path)
    assert previous_run is not None
    assert previous_run.trials == before, "the order of their completions is the same, too"


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("put", "why"),
    [
        (_pipe, "it is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is not a regular file"),
        (lambda path: path.mkdir(), "it is a directory"),
        (_loop, "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, put: Callable[[Path], Any], why: str) -> None:
    put(tmp_path / JOURNAL_FILE)
    assert why in _refused(tmp_path)


@pytest.mark.parametrize("name", [lock.LOCK_FILE, stop_request.STOP_FILE])
def test_a_pipe_in_the_place_of_a_small_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    _rows(tmp_path)
    _pipe(tmp_path / name)
    assert lock.holder(tmp_path) is None
    assert stop_request.asked(tmp_path) is None
    assert len(ax_moo.load(tmp_path).trials) == 3


def test_the_next_trial_has_a_number_that_no_trial_has_had(tmp_path: Path) -> None:
    """The loop itself, also with trials of a storage that nothing has checked."""
    launcher = ScriptedLauncher(two_objectives)
    kept = [life(index, {"x": 0.1, "y": 0.2}, OUTCOME, 0, 1)[-1] for index in (0, 2)]
    previous = resume.PreviousRun({"time": 1_700_000_000.0}, kept)
    settings = Settings(n_trials=6, n_jobs=2)
    Sweep(TWO, settings, launcher, tmp_path, lambda _: ListedCandidates(), previous_run=previous).run()
    assert [trial for batch in launcher.batches for trial in batch] == [3, 4, 5, 6]
