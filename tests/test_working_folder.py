"""A working directory that somebody removes, while a sweep runs or before a command starts."""

import logging
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ax_moo_command import AX_MOO
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from journals import life, write_journal

from ax_moo.jobs import refusals
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.settings import Settings

pytestmark = pytest.mark.one_hydra

TWO = problem(objectives=TWO_OBJECTIVES)
AGAIN = "the sweep tries again"


class _Removing(ScriptedLauncher):
    """Does something with the second submission, after which no job can begin."""

    def __init__(self, harm: Callable[[], object]) -> None:
        super().__init__(two_objectives)
        self._harm = harm

    def submit(self, requests: Sequence[Any]) -> Any:
        os.getcwd()  # as Hydra does in each job
        if len(self.batches) == 1:
            self._harm()
        return super().submit(requests)


def swept(tmp_path: Path, harm: Callable[[], object]) -> SweepResult:
    settings = Settings(n_trials=4, n_jobs=1)
    return Sweep(TWO, settings, _Removing(harm), tmp_path / "swept", lambda _: ListedCandidates()).run()


@pytest.fixture(autouse=True)
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the test."""
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.01)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    return tmp_path / "gone"


def test_a_sweep_whose_working_directory_is_removed_says_so_once_and_ends_with_that_reason(
    tmp_path: Path, gone: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(refusals, "MOST_REFUSALS", 5)
    with caplog.at_level(logging.INFO):
        ending = swept(tmp_path, gone.rmdir)
    assert [str(trial.status) for trial in ending.trials][:2] == ["COMPLETED", "COMPLETED"]
    assert f"the working directory {gone} was removed, and jobs begin in it; make it again" in ending.stop_reason
    assert ending.exit_code == 1
    assert len([line for line in caplog.messages if AGAIN in line]) == 1


def test_it_goes_on_in_a_working_directory_that_was_made_again(tmp_path: Path, gone: Path) -> None:
    def make_again() -> None:
        gone.rmdir()
        gone.mkdir()

    ending = swept(tmp_path, make_again)
    assert [str(trial.status) for trial in ending.trials] == ["COMPLETED"] * 4
    assert Path.cwd() == gone


def run_without(gone: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    script = f"cd '{gone}'; rmdir '{gone}'; exec \"$@\""
    command = ["bash", "-c", script, "bash", str(AX_MOO), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=gone.parent)
    gone.mkdir()
    return done


def test_a_command_in_a_removed_directory_needs_whole_paths_and_says_so(tmp_path: Path, gone: Path) -> None:
    write_journal(tmp_path / "swept", TWO, life(0, {"x": 0.5, "y": 0.5}, {"f": 1.0, "g": 0.5}, 0, 1))
    for command in (("status", "swept"), ("submit", "--", "python", "a.py"), ("doctor",)):
        done = run_without(gone, *command)
        sentence = "the working directory was removed; change to another one (cd), or name files by their whole path"
        if "not on PATH" not in done.stderr:  # without Slurm
            assert (done.returncode, done.stderr) == (2, f"ax-moo {command[0]}: {sentence}\n")
    for whole in (("status", tmp_path / "swept"), ("report", tmp_path / "swept")):
        done = run_without(gone, *whole)
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "swept/report.html").exists()
