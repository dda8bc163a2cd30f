"""`python app.py -m hydra/sweeper=ax_moo` where nobody reads what it says, or where it can say nothing."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ax_moo_command import AX_MOO
from sweeping import SWEEP_DIR, run_sweep, sweep_command, write_app
from test_terminal import without_reader
from wandb_server import running_server

from ax_moo.cli.status import status
from ax_moo.storage import lock
from ax_moo.system import terminal
from ax_moo.wandb.settings import sweep_run_id

pytestmark = pytest.mark.one_hydra

TALKS = """
import ctypes
import logging

import hydra


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    print("the application says é", flush=True)
    logging.getLogger(__name__).info("the application logs é")
    for number in (1, 2):
        ctypes.CDLL(None).write(number, b"a library in C says", 19)
    return float(config.x)


if __name__ == "__main__":
    main()
    print("after the sweep")
"""
OPTIONS = ("+x=interval(0,1)", "hydra.sweeper.method=sobol", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1")


def swept_with(project: Path, redirection: str, *options: str, **environment: str) -> int:
    """The exit code of the sweep itself, whose output goes where the shell leads it."""
    write_app(project, TALKS)
    command = shlex.join([sys.executable, *sweep_command(*OPTIONS, *options)])
    script = f"{command} {redirection}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", script], cwd=project, env={**os.environ, **environment}, timeout=240
    ).returncode


def record(project: Path) -> dict[str, Any]:
    text = (project / SWEEP_DIR / "lock").read_text()
    about: dict[str, Any] = json.loads(text)["about"]
    return about


def journal_is_whole(project: Path) -> bool:
    lines = (project / SWEEP_DIR / "sweep.jsonl").read_text().splitlines()
    return [json.loads(line).get("status") for line in lines][-1] == "COMPLETED"


@pytest.mark.parametrize(
    "redirection",
    ["| head -1", "2>&1 | true", ">&-", "<&- >&- 2>&-", "> /dev/full 2>&1"],
    ids=["reader-gone", "readers-gone", "no-output", "nothing", "full"],
)
def test_a_sweep_that_nobody_can_read_goes_on_to_its_regular_end(tmp_path: Path, redirection: str) -> None:
    assert swept_with(tmp_path, redirection, "hydra.sweeper.progress=bar") == 0
    assert record(tmp_path)["exit_code"] == 0
    assert (tmp_path / SWEEP_DIR / "trials.csv").exists()
    assert journal_is_whole(tmp_path)


@pytest.mark.parametrize("redirection", ["2>&1 | true", ">&- 2>&-"])
def test_jobs_of_their_own_know_nothing_of_it(tmp_path: Path, redirection: str) -> None:
    assert swept_with(tmp_path, redirection, "hydra/launcher=async_local", "hydra.launcher.warm=off") == 0
    [log] = (tmp_path / SWEEP_DIR).glob(".submitit/0/*_log.out")
    assert "the application says é" in log.read_text()


def test_an_application_that_lets_a_broken_pipe_kill_it_is_not_killed_within_its_sweep(tmp_path: Path) -> None:
    fragile = TALKS.replace(
        "    main()\n", "    import signal\n\n    signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n    main()\n"
    )
    write_app(tmp_path, fragile, name="fragile.py")
    command = shlex.join([sys.executable, *sweep_command(*OPTIONS, script="fragile.py")])
    script = f"{command} 2>&1 | true; exit ${{PIPESTATUS[0]}}"
    subprocess.run(["bash", "-c", script], cwd=tmp_path, timeout=240)
    assert record(tmp_path)["exit_code"] == 0


def test_the_page_is_written_and_the_failure_of_a_sweep_is_still_told_by_its_code(tmp_path: Path) -> None:
    failing = "hydra.sweeper.outcome_constraints=['y <= 1']"  # y is never returned
    assert swept_with(tmp_path, "2>&1 | head -1", failing, "hydra.sweeper.report=true") == 1
    assert (tmp_path / SWEEP_DIR / "report.html").exists()
    assert record(tmp_path)["exit_code"] == 1


def test_the_run_of_the_sweep_in_wandb_ends_with_its_results_though_nobody_reads(tmp_path: Path) -> None:
    wandb = ("hydra.sweeper.wandb.enabled=true", "hydra.sweeper.wandb.project=search")
    with running_server() as server:
        assert swept_with(tmp_path, "2>&1 | true", *wandb, **server.environment()) == 0
    run = server.runs[sweep_run_id(SWEEP_DIR, tmp_path / SWEEP_DIR)]
    assert (run.state, run.exitcode) == ("finished", 0)
    assert run.summary["completed"] == 2


def test_a_mistake_is_one_without_a_reader_too(tmp_path: Path) -> None:
    assert swept_with(tmp_path, "2>&1 | true", "hydra.sweeper.n_trials=many") == 2
    assert swept_with(tmp_path, "2>&-", "hydra.sweeper.n_trials=many") == 2


def test_a_small_encoding_is_enough(tmp_path: Path) -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    assert swept_with(tmp_path, "> said", "hydra.sweeper.progress=bar", "+name=choice('é')", **ascii_only) == 0
    assert "the application says \\xe9" in (tmp_path / "said").read_text()


def test_a_terminal_that_goes_away_without_a_signal_changes_nothing(tmp_path: Path) -> None:
    write_app(tmp_path, TALKS)
    master, terminal = os.openpty()
    command = [sys.executable, *sweep_command(*OPTIONS)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    os.read(master, 1)
    os.close(master)
    assert process.wait(240) == 0
    assert record(tmp_path)["exit_code"] == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_app(tmp_path_factory.mktemp("swept"), TALKS)
    swept = run_sweep(project, *OPTIONS)
    assert swept.code == 0, swept.err
    return swept.folder


@pytest.mark.parametrize(
    ("command", "redirection"),
    [
        ("status DIR", "| true"),
        ("status DIR --watch", "| true"),
        ("export DIR", "| true"),
        ("stop DIR", "2>&1 | true"),
        ("status DIR", "<&- >&- 2>&-"),
        ("export DIR", ">&-"),
        ("doctor DIR", ">&-"),
    ],
)
def test_a_command_ends_quietly_where_nobody_reads_it(folder: Path, command: str, redirection: str) -> None:
    script = f"'{AX_MOO}' {command.replace('DIR', str(folder))} {redirection}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_whose_output_is_lost_on_a_full_disk_says_so(folder: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([AX_MOO, "export", folder], stdout=full, stderr=subprocess.PIPE, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stderr == "ax-moo export: standard output cannot be written to: No space left on device\n"


@pytest.mark.parametrize("as_json", [False, True])
def test_nobody_watches_a_running_sweep_any_more(folder: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool) -> None:
    with lock.held(folder), without_reader(monkeypatch):
        terminal.never_fail()
        status(folder, as_json, watch=True)


def test_a_watched_sweep_is_told_to_a_pipe_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with lock.held(folder), os.fdopen(reader) as said, os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr("ax_moo.cli.status.is_gone", lambda: said.readline().startswith("sweep in"))
        status(folder, as_json=False, watch=True)
