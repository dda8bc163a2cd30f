"""A sweep folder on a small file system of its own that is full."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from launching import open_launcher, request, submit, wait_for
from tmpfs import mounted
from waiting import wait_until

from ax_moo.jobs.launcher import JobRequest, JobState
from ax_moo_launchers.slurm.sbatch import Executor

# How jobs and the loop go does not hang on the version of Hydra; other tests run both under each.
pytestmark = pytest.mark.one_hydra

_PAGE = 4096
_PAGES = 128


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "small", f"{_PAGES * _PAGE}") as folder:
        yield folder


def fill(folder: Path, pages_left: int = 0) -> None:
    """A file that leaves so many pages free."""
    with open(folder / "filler", "wb") as file:
        free = os.statvfs(folder).f_bavail
        file.write(b"x" * _PAGE * (free - pages_left))
    assert os.statvfs(folder).f_bavail == pages_left


def processes_in(folder: Path) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if any(str(folder) in a for a in p.info["cmdline"] or ())]


def test_a_job_that_finds_no_room_is_lost_and_has_room_later(tmpfs: Path) -> None:
    def task(config: Any) -> str:
        file_system = os.statvfs(folder)
        if config.attempt == 2:
            return "room"
        with open(folder / "filler", "wb", buffering=0) as file:
            while file.write(b"x" * file_system.f_bsize):  # raises OSError at the end
                pass
        raise AssertionError

    folder = tmpfs
    launcher = open_launcher(tmpfs, "async_local", task)
    (handle,) = launcher.submit([JobRequest(0, ("+attempt=1",))])
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error.startswith("no space left on device")

    (tmpfs / "filler").unlink()
    (second,) = launcher.submit([JobRequest(0, ("+attempt=2",), 2)])
    assert wait_for([second]) == [JobState.FINISHED]
    assert second.result().value == "room"


@pytest.mark.parametrize("way", ["from", "while", "silent"])
def test_a_full_disk_behind_the_applications_exception_is_the_reason(tmpfs: Path, way: str) -> None:
    """Not every library hands on what the system said: torch.save, for one, raises a RuntimeError about its stream."""

    def task(config: Any) -> None:
        try:
            (folder / "filler").write_bytes(b"x" * 10_000_000)
        except OSError as error:
            if way == "from":
                (folder / "filler").unlink()
                raise ValueError("boom") from error
            if way == "while":
                (folder / "filler").unlink()
                raise ValueError("boom")  # noqa: B904
        # Enough for a result, and for little else.
        os.truncate(folder / "filler", (folder / "filler").stat().st_size - 6 * 4096)
        raise RuntimeError("unexpected pos 576 vs 534")

    folder = tmpfs
    (handle,) = submit(open_launcher(tmpfs, "async_local", task), 0)
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error.startswith("no space left on device")


def test_a_result_that_finds_no_room_is_lost_and_leaves_nothing_torn(tmpfs: Path) -> None:
    def task(config: Any) -> str:
        free = os.statvfs(folder).f_bavail
        (folder / "filler").write_bytes(b"x" * page * (free - 2))
        return "x" * page * 10

    folder, page = tmpfs, _PAGE
    (handle,) = submit(open_launcher(tmpfs, "async_local", task), 0)
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error.startswith("no space left on device")
    assert [
        path.name for path in Path(handle.job.folder).iterdir() if "result" in path.name or "tmp" in path.name
    ] == []


def test_a_disk_that_takes_no_byte_still_takes_the_reason(tmpfs: Path) -> None:
    """Neither the job nor its controller can begin a file any more."""

    def task(config: Any) -> None:
        fill_up(folder)
        raise RuntimeError("unexpected pos 576 vs 534")

    def fill_up(folder: Path) -> None:
        with open(folder / "filler", "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                return

    folder = tmpfs
    (handle,) = submit(open_launcher(tmpfs, "async_local", task), 0)
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error == "no space left on device (exit code 74), no result written"
    assert not list(Path(handle.job.folder).glob("*tmp"))


def test_a_submission_without_room_leaves_no_file_and_no_process(tmpfs: Path) -> None:
    """Page by page more room, so that every file of a submission is once the one that does not fit."""
    launcher = open_launcher(tmpfs, "async_local", lambda config: "ran")
    (tmpfs / "sweep/.submitit").mkdir(parents=True)
    taken = None
    for pages in range(_PAGES):
        fill(tmpfs, pages)
        try:
            (taken,) = submit(launcher, 0)
        except OSError:
            assert [path for path in (tmpfs / "sweep").rglob("*") if path.is_file()] == []
            assert processes_in(tmpfs) == []
        (tmpfs / "filler").unlink()
        if taken:
            break
    assert pages > 1
    assert taken
    assert wait_for([taken]) == [JobState.FINISHED]


def test_jobs_that_were_taken_are_withdrawn_when_another_finds_no_room(tmpfs: Path) -> None:
    launcher = open_launcher(tmpfs, "async_local", lambda config: "ran")
    wait_for(submit(launcher, 0))
    while processes_in(tmpfs):
        time.sleep(0.05)
    needed = sum(path.stat().st_blocks for path in (tmpfs / "sweep/.submitit/0").iterdir()) * 512 // _PAGE
    fill(tmpfs, 2 * needed)
    with pytest.raises(OSError, match="No space left"):
        submit(launcher, *range(1, 10))
    assert processes_in(tmpfs) == []
    assert [launcher.find(request(trial)) for trial in range(1, 10)] == [None] * 9


@pytest.mark.slurm
@pytest.mark.usefixtures("slurm_cluster")
def test_a_slurm_submission_without_room_leaves_no_file_and_no_job(tmpfs: Path) -> None:
    launcher = open_launcher(tmpfs, "async_slurm", lambda config: "ran")
    (tmpfs / "sweep/.submitit").mkdir(parents=True)
    others = queued()
    taken = []
    for pages in range(_PAGES):
        fill(tmpfs, pages)
        try:
            taken = submit(launcher, 0, 1)
        except OSError:
            assert [path for path in (tmpfs / "sweep").rglob("*") if path.is_file()] == []
            assert set(queued()) <= set(others)
        (tmpfs / "filler").unlink()
        if taken:
            break
    assert pages > 1
    assert wait_for(taken, 60) == [JobState.FINISHED] * 2


@pytest.mark.slurm
@pytest.mark.usefixtures("slurm_cluster")
def test_a_job_that_slurm_took_but_that_cannot_be_noted_is_withdrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(self: Any, *arguments: Any) -> None:
        raise OSError("read-only")

    launcher = open_launcher(tmp_path, "async_slurm", lambda config: "ran")
    others = queued()
    monkeypatch.setattr(Executor, "_publish", cannot)
    with pytest.raises(OSError, match="read-only"):
        submit(launcher, 0, 1)
    assert list((tmp_path / "sweep/.submitit").rglob("*.pkl")) == []
    assert list((tmp_path / "sweep/.submitit").rglob("*.sh")) == []
    # Without its pickle a job waits for a minute before it ends by itself.
    wait_until(lambda: set(queued()) <= set(others), "the jobs to be withdrawn", seconds=30)


def queued() -> list[str]:
    """The jobs of the cluster, which may still have one of an earlier test."""
    command = ["squeue", "-h", "-o", "%i", "--states=PENDING,RUNNING"]
    return subprocess.check_output(command, text=True).split()
