"""`ax-moo doctor DIR` says what is wrong with a sweep's files, and what a repair loses; it changes nothing."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ax_moo_command import ax_moo_from_cold
from fakes import TWO_OBJECTIVES, problem
from journals import life, write_journal
from typer.testing import CliRunner

from ax_moo.cli.app import app
from ax_moo.jobs.ownership import RECORD_FILE
from ax_moo.storage.journal import JOURNAL_FILE, header, id_of
from ax_moo.trial import Job, TrialStatus

pytestmark = pytest.mark.one_hydra

TWO = problem(objectives=TWO_OBJECTIVES)
OUTCOME = {"f": 0.5, "g": 0.25}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lives = [life(index, {"x": index / 10, "y": 0.5}, OUTCOME, index, index + 1) for index in range(4)]
    for index in (0, 1, 2, 3):
        (tmp_path / str(index)).mkdir()
    return write_journal(tmp_path, TWO, [event for events in lives for event in events])


def _change(folder: Path, **by_line: Any) -> None:
    lines = (folder / JOURNAL_FILE).read_text().splitlines()
    for name, line in by_line.items():
        lines[int(name.removeprefix("line_")) - 1] = line
    (folder / JOURNAL_FILE).write_text("".join(line + "\n" for line in lines if line))


def _examined(folder: Path, code: int) -> dict[str, Any]:
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    result = CliRunner().invoke(app, ["doctor", str(folder), "--json"])
    assert result.exit_code == code, result.output
    assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*")} == before, "it only looks"
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["well"] is (code == 0)
    return found


def _lines(found: dict[str, Any]) -> Sequence[int]:
    return [fault["line"] for fault in found["faults"]]


def test_a_sweep_whose_files_are_right_is_well(folder: Path) -> None:
    assert _examined(folder, 0)["faults"] == []
    result = CliRunner().invoke(app, ["doctor", str(folder)])
    assert result.stdout.startswith(f"nothing is wrong with the sweep in {folder}: 4 trials: 4 completed")


def test_every_line_that_is_wrong_is_named_and_what_is_left_and_lost_without_it(folder: Path) -> None:
    _change(folder, line_7="{", line_9='{"trial": "2"}')
    found = _examined(folder, 1)
    assert _lines(found) == [7, 9]
    assert found["without_these_lines"] == {"COMPLETED": 3, "RUNNING": 1}
    assert found["cut"] == {"before_line": 7, "trials": {"COMPLETED": 1, "RUNNING": 1}, "loses": [2, 3]}
    told = CliRunner().invoke(app, ["doctor", str(folder)]).stdout
    assert "sweep.jsonl: line 7 is not what the sweep wrote" in told
    assert "sweep.jsonl: line 9 is not a trial (trial must be a whole number of at least 0, got '2')" in told
    assert "without these lines it tells of 4 trials: " in told
    assert "cut off before line 7 it tells of 2 trials: " in told
    assert "this loses the last states of trials 2, 3 (2 trials: 2 completed)" in told


def test_the_journal_is_right_when_the_named_lines_are_taken_out(folder: Path) -> None:
    _change(folder, line_7="{", line_9='{"trial": "2"}')
    _change(folder, line_7="", line_9="")
    assert _examined(folder, 0)["faults"] == []


def test_a_trial_that_is_missing_is_mended_by_a_cut_alone(folder: Path) -> None:
    _change(folder, line_5="", line_6="", line_7="")
    found = _examined(folder, 1)
    assert _lines(found) == [5]
    assert found["without_these_lines"] is None
    assert found["cut"] == {"before_line": 5, "trials": {"COMPLETED": 1}, "loses": [2, 3]}


@pytest.mark.parametrize("first", ["", "{", '{"format": 1}', '{"format": 99}'])
def test_without_a_first_line_only_a_copy_helps(folder: Path, first: str) -> None:
    _change(folder, line_1=first)
    assert _lines(_examined(folder, 1))[0] == 1
    assert "put a copy of the file in its place" in CliRunner().invoke(app, ["doctor", str(folder)]).stdout


def test_a_journal_that_cannot_be_read_is_what_is_wrong(folder: Path) -> None:
    (folder / JOURNAL_FILE).unlink()
    os.mkfifo(folder / JOURNAL_FILE)
    (fault,) = _examined(folder, 1)["faults"]
    assert "is not a regular file" in fault["what"]


def test_folders_of_trials_that_the_journal_does_not_know_are_named(folder: Path) -> None:
    sweep = id_of(header(folder) or {})
    for name, whose, trial in (("4", sweep, 4), ("width=3", sweep, 3), ("9", "another sweep", 9), ("5", sweep, 5)):
        (folder / name).mkdir()
        (folder / name / RECORD_FILE).write_text(json.dumps({"sweep": whose, "trial": trial, "overrides": []}))
    (folder / "5" / RECORD_FILE).write_text("torn")
    (folder / ".submitit/7").mkdir(parents=True)
    (folder / "16").mkdir()  # a trial's, by its width
    faults = _examined(folder, 1)["faults"]
    assert [fault["file"] for fault in faults] == [str(folder / ".submitit/7"), str(folder / "4")]
    assert all("belongs to no trial" in fault["what"] for fault in faults)


def test_what_is_only_worth_knowing_is_a_note(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (staged, running, completed) = life(0, {"x": 0.1, "y": 0.5}, OUTCOME, 0, 1)
    job = Job("7", "/nowhere/0")
    other = tmp_path_factory.mktemp("other")
    write_journal(other, TWO, [staged, running, running.to(TrialStatus.COMPLETED, job=job, outcome=completed.outcome)])
    with open(other / JOURNAL_FILE, "a") as file:
        file.write('{"trial": 1')
    (other / f"{JOURNAL_FILE}.saved-12").touch()
    notes = " ".join(_examined(other, 0)["notes"])
    assert "the last line of sweep.jsonl is incomplete (11 bytes)" in notes
    assert "sweep.jsonl.saved-12 is the journal of a sweeper that could not go on" in notes
    assert "the files of the jobs of trial 0 are gone" in notes


def test_a_folder_without_a_sweep_is_a_mistake(folder: Path) -> None:
    for path, why in ((folder / "0", "it has no sweep.jsonl"), (folder / "no", "is not a folder")):
        result = CliRunner().invoke(app, ["doctor", str(path)])
        assert (result.exit_code, result.stdout) == (2, "")
        assert why in result.stderr
    ended = ax_moo_from_cold("doctor", folder)
    assert (ended.code, ended.err) == (0, "")


def test_an_arm_with_which_the_sweep_cannot_go_on_is_named(folder: Path) -> None:
    rows = map(json.loads, (folder / JOURNAL_FILE).read_text().splitlines())
    other = {"arm": {"x": 0.25, "y": 0.5}}
    lines = [json.dumps(row | other if row.get("trial") == 3 else row) for row in rows]
    (folder / JOURNAL_FILE).write_text("".join(f"{line}\n" for line in lines))
    (fault,) = _examined(folder, 1)["faults"]
    assert fault["file"] == JOURNAL_FILE
    assert fault["what"].startswith("the arm of trial 3 is another point than its parameterization")
