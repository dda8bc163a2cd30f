"""What cannot be written, and will not be by waiting: a mistake at the start of a sweep, its honest end later."""

import errno
import json
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from sweeping import SWEEP_DIR, journal_rows, run_sweep, start_sweep, wait_for_sweep
from tmpfs import mounted
from waiting import wait_until
from waiting_app import OPTIONS, begun, let_them_end, wait_for_trials, write_waiting_app

from ax_moo.storage import journal
from ax_moo.storage.journal import Journal
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.settings import Settings
from ax_moo.system import disk
from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.one_hydra

NOBODY = 65534


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "TRY_AGAIN_SECONDS", 0.01)


def _failing(*numbers: int) -> tuple[Callable[[], str], list[int]]:
    left = list(numbers)

    def write() -> str:
        if left:
            number = left.pop(0)
            raise OSError(number, os.strerror(number))
        return "written"

    return write, left


@pytest.mark.parametrize(
    "name", ["ENOSPC", "EDQUOT", "ESTALE", "EIO", "EAGAIN", "ETIMEDOUT", "ENOMEM", "EMFILE", "EHOSTDOWN"]
)
def test_what_passes_is_waited_for(name: str, tmp_path: Path) -> None:
    write, left = _failing(*[getattr(errno, name)] * 3)
    assert disk.until_written(write, tmp_path) == "written"
    assert left == []


@pytest.mark.parametrize("name", ["EACCES", "EPERM", "EROFS", "EISDIR", "ENOTDIR", "ENOENT", "EFBIG", "ENAMETOOLONG"])
def test_what_does_not_pass_is_said_at_once(name: str, tmp_path: Path) -> None:
    write, left = _failing(getattr(errno, name), errno.EIO)
    with pytest.raises(disk.CannotWrite, match=r"hydra\.sweep\.dir: cannot write to"):
        disk.until_written(write, tmp_path)
    assert left == [errno.EIO]


@contextmanager
def _as_nobody() -> Iterator[Path]:
    """A folder that the user in the block may read and not write to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_a_folder_that_the_user_may_not_write_to_is_a_mistake_at_the_start() -> None:
    launcher = ScriptedLauncher(two_objectives)
    with _as_nobody() as folder:
        for inside in (folder, folder / "new"):
            sweep = Sweep(
                problem(objectives=TWO_OBJECTIVES), Settings(n_trials=3), launcher, inside, lambda _: ListedCandidates()
            )
            with pytest.raises(ConfigError, match=r"hydra\.sweep\.dir: cannot write to .*Permission denied"):
                sweep.run()
        assert list(folder.iterdir()) == []
    assert launcher.batches == []


def test_a_journal_that_the_user_may_not_read_is_a_mistake_at_the_start() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Journal(folder).close()
        folder.chmod(0o755)
        (folder / journal.JOURNAL_FILE).chmod(0o600)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
                journal.header(folder)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize(
    "name", ["sweep.jsonl", "trials.csv", "optimization_results.yaml", "multirun.yaml", "stop", "lock"]
)
def test_a_directory_in_the_way_of_a_file_is_a_mistake_found_before_any_job(name: str, tmp_path: Path) -> None:
    project = write_waiting_app(tmp_path)
    (tmp_path / SWEEP_DIR / name).mkdir(parents=True)
    swept = run_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=1")
    assert (swept.code, begun(project)) == (2, []), swept.err
    (line,) = swept.err.strip().splitlines()
    assert f"{SWEEP_DIR}/{name} cannot be read" in line or f"cannot write to {tmp_path}/{SWEEP_DIR}/{name}" in line
    assert "it is a directory" in line


def test_a_file_where_the_sweeps_folder_should_be_is_a_mistake_found_before_any_job(tmp_path: Path) -> None:
    project = write_waiting_app(tmp_path)
    (tmp_path / SWEEP_DIR).touch()
    swept = run_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=1")
    assert (swept.code, begun(project)) == (2, []), swept.err
    (line,) = swept.err.strip().splitlines()
    assert f"hydra.sweep.dir: cannot write to {tmp_path}/{SWEEP_DIR}: File exists" in line


def test_a_folder_in_whose_parent_nothing_can_be_made_is_a_mistake_found_before_any_job(tmp_path: Path) -> None:
    project = write_waiting_app(tmp_path)
    with mounted(tmp_path / "read-only", "1m") as parent:
        subprocess.run(["mount", "-o", "remount,ro", str(parent)], check=True)
        swept = run_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=1", f"hydra.sweep.dir={parent}/swept")
    assert (swept.code, begun(project)) == (2, []), swept.err
    (line,) = swept.err.strip().splitlines()
    assert "hydra.sweep.dir: cannot write to" in line
    assert "Read-only file system" in line


def test_a_journal_that_takes_no_more_ends_the_sweep_honestly_and_a_resume_collects_its_jobs(tmp_path: Path) -> None:
    project = write_waiting_app(tmp_path)
    options = (*OPTIONS, "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2")
    process = start_sweep(project, *options)
    wait_for_trials(project, 2)
    wait_until(lambda: [row["status"] for row in journal_rows(project)[1:]].count("RUNNING") == 2, "two noted jobs")
    ids = [row["job"]["job_id"] for row in journal_rows(project)[1:] if row["status"] == "RUNNING"]
    # The limit of the sweeper alone; what it says and its lock are smaller than its journal.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (os.path.getsize(tmp_path / SWEEP_DIR / "sweep.jsonl"), -1))
    let_them_end(project)
    ended = wait_for_sweep(project, process, 60)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    (said,) = [line for line in ended.err.splitlines() if line.startswith("the sweep failed: cannot write to")]
    assert "sweep.jsonl: File too large" in said
    assert sum(number in said for number in ids) == 1, said  # the other one has ended, and could not be noted
    assert "ax-moo resume" in ended.err
    lock = json.loads((tmp_path / SWEEP_DIR / "lock").read_text())
    assert lock["about"]["exit_code"] == 1
    assert "File too large" in lock["about"]["why"]
    again = run_sweep(project, *options)
    assert (again.code, [row["status"] for row in again.last]) == (0, ["COMPLETED"] * 4), again.err
    assert sorted(begun(project)) == [0, 1, 2, 3]


def test_a_first_job_that_cannot_be_noted_is_named_and_not_forgotten(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(two_objectives)
    submit = launcher.submit

    def submit_and_block(requests: object) -> object:
        handles = submit(requests)  # type: ignore[arg-type]
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / journal.JOURNAL_FILE).stat().st_size, -1))
        return handles

    launcher.submit = submit_and_block  # type: ignore[method-assign, assignment]
    settings = Settings(n_trials=3, n_jobs=3)
    sweep = Sweep(problem(objectives=TWO_OBJECTIVES), settings, launcher, tmp_path, lambda _: ListedCandidates())
    try:
        with pytest.raises(disk.CannotWrite, match="File too large"):
            sweep.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    assert sweep.has_submitted
    assert [job.job_id for job in sweep.jobs] == [f"job-{trial}" for trial in range(len(launcher.batches[0]))]
    assert [trial.job for trial in journal.trials(tmp_path)] == [None] * len(launcher.batches[0])


def test_tables_that_cannot_be_written_fail_the_sweep_and_the_same_command_writes_them(tmp_path: Path) -> None:
    project = write_waiting_app(tmp_path)
    options = (*OPTIONS, "hydra.sweeper.n_trials=2")
    process = start_sweep(project, *options)
    wait_for_trials(project, 2)
    (tmp_path / SWEEP_DIR / "trials.csv").mkdir()
    let_them_end(project)
    ended = wait_for_sweep(project, process, 60)
    assert (ended.code, [row["status"] for row in ended.last]) == (1, ["COMPLETED"] * 2)
    assert "trials.csv: it is a directory; every trial is in" in ended.err
    assert "Traceback" not in ended.err
    (tmp_path / SWEEP_DIR / "trials.csv").rmdir()
    again = run_sweep(project, *options)
    assert again.code == 0, again.err
    assert (tmp_path / SWEEP_DIR / "trials.csv").read_text().count("COMPLETED") == 2
