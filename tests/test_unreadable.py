"""Files of a sweep that are another user's and cannot be read: a sentence and exit code 2, or one trial's problem."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import TWO_OBJECTIVES, problem
from journals import BEGUN, life, staged, write_journal
from typer.testing import CliRunner

from ax_moo.cli.app import app
from ax_moo.html_report.payload import payload
from ax_moo.storage import lock
from ax_moo.storage.folder import open_folder
from ax_moo.trial import Job, TrialStatus

pytestmark = pytest.mark.one_hydra

NOBODY = 65534
TWO = problem(objectives=TWO_OBJECTIVES)
COMMANDS = ["status", "status --json", "export", "doctor", "stop", "stop --now", "resume", "report", "compare"]


@contextmanager
def without(name: str) -> Iterator[Path]:
    """A sweep folder for everybody to read, but for one thing in it, in the eyes of another user."""
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        folder = Path(root, "swept")
        job = Job("99999999", str(folder / ".submitit/1"), "slurm")
        running = staged(1, {"x": 0.5, "y": 0.5}, 2).to(TrialStatus.RUNNING, job=job, time=BEGUN + 3)
        good = life(0, {"x": 0.5, "y": 0.5}, {"f": 1.0, "g": 0.5}, 0, 1)
        write_journal(folder, TWO, [*good, running], command="python app.py", cwd="/tmp")
        with lock.held(folder, {"command": "python app.py", "cwd": "/tmp"}):
            pass
        for file in (".submitit/1/99999999_0_log.err", "0/metrics.jsonl", "multirun.yaml", "stop"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text('{"step": 1, "f": 1.0}\n')
        for file in ("sweep.jsonl", "lock"):
            (folder / file).chmod(0o644)
        (folder / name).chmod(0)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["", "sweep.jsonl", "lock"])
def test_a_sweep_that_cannot_be_read_is_a_mistake_in_one_sentence(name: str, command: str) -> None:
    with without(name) as folder:
        folders = [str(folder)] * (2 if command == "compare" else 1)
        ended = CliRunner().invoke(app, [*command.split(), *folders])
    if command == "doctor" and name:  # which says of each file what is wrong
        assert (ended.exit_code, ended.stderr) == (1, "")
        assert f"\n{name}: " in ended.stdout
        return
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"{folder}" in ended.stderr
    assert "Permission denied" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [each for each in COMMANDS if each != "report"])
@pytest.mark.parametrize("name", [".submitit", ".submitit/1"])
def test_files_of_jobs_that_cannot_be_read_end_no_command_in_a_traceback(name: str, command: str) -> None:
    with without(name) as folder:
        folders = [str(folder)] * (2 if command == "compare" else 1)
        ended = CliRunner().invoke(app, [*command.split(), *folders])
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    only_looks = command in ("status", "status --json", "export", "compare")
    assert ended.exit_code in ([0] if only_looks else [0, 2]), ended.stderr


@pytest.mark.parametrize("name", [".submitit/1", "0", "0/metrics.jsonl", "multirun.yaml", "stop"])
def test_what_cannot_be_read_of_one_trial_leaves_the_page_as_it_is(name: str) -> None:
    with without(name) as folder:
        page = payload(open_folder(folder), None, time.time())
    assert [trial["trial"] for trial in page["trials"]] == [0, 1]
