"""What a launcher cannot look at for a moment, or at all: no reason to end a sweep, nor to call a job lost."""

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from launching import open_launcher, submit, wait_for, wait_until

from ax_moo.jobs.launcher import JobState
from ax_moo.storage.lock_holder import Holder
from ax_moo_launchers.attach import attach
from ax_moo_launchers.files import remove_unpublished
from ax_moo_launchers.local import handle as local_handle
from ax_moo_launchers.local import processes
from ax_moo_launchers.submitted_jobs import submitted_job

pytestmark = pytest.mark.one_hydra


@pytest.fixture
def _hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that tells nobody of other processes than his own, as some containers do."""

    def denied(self: psutil.Process) -> Any:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(processes, "_PROC", tmp_path / "no proc")
    monkeypatch.setattr(psutil.Process, "create_time", denied)
    monkeypatch.setattr(psutil.Process, "status", denied)


def wait_for_go(folder: Path) -> Any:
    def task(config: Any) -> int:
        (folder / "begun").touch()
        while not (folder / "go").exists():
            time.sleep(0.05)
        return 7

    return task


@pytest.mark.usefixtures("_hidden")
def test_a_job_whose_processes_may_not_be_looked_at_is_known_by_its_files(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", wait_for_go(tmp_path)), 0)
    attached = attach(handle.job)
    assert [handle.state(), attached.state()] == [JobState.RUNNING] * 2
    (tmp_path / "go").touch()
    assert wait_for([handle, attached]) == [JobState.FINISHED] * 2
    assert attached.result().value == 7


@pytest.mark.usefixtures("_hidden")
def test_such_a_job_can_be_cancelled(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", wait_for_go(tmp_path)), 0)
    attached = attach(handle.job)
    attached.cancel()
    assert wait_until(attached, [JobState.LOST]) is JobState.LOST


@pytest.mark.usefixtures("_hidden")
def test_such_a_job_that_was_killed_is_lost_once_it_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_handle, "_SILENCE_S", 0.5)
    (handle,) = submit(open_launcher(tmp_path, "async_local", wait_for_go(tmp_path)), 0)
    os.killpg(int(handle.job.job_id), signal.SIGKILL)
    assert wait_until(attach(handle.job), [JobState.LOST]) is JobState.LOST


@pytest.mark.usefixtures("_hidden")
def test_whether_a_hidden_process_holds_a_lock_is_not_for_its_process_id_to_say() -> None:
    found = Holder(socket.gethostname(), os.getpid(), 0.0)
    assert found.is_here
    assert not found.is_seen


@contextmanager
def rewritten_again_and_again(pickle: Path) -> Iterator[None]:
    """As submitit does it for every requeue."""
    is_over = threading.Event()

    def rewrite() -> None:
        aside = pickle.with_name(f"{pickle.name}.save_tmp")
        while not is_over.is_set():
            aside.touch()
            pickle.unlink(missing_ok=True)
            aside.rename(pickle)

    thread = threading.Thread(target=rewrite)
    pickle.touch()
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_a_job_is_found_while_submitit_replaces_its_pickle(tmp_path: Path) -> None:
    with rewritten_again_and_again(tmp_path / "17_submitted.pkl"):
        found = [submitted_job(tmp_path) for _ in range(3000)]
    assert {job.job_id if job else None for job in found} == {"17"}


def test_a_record_that_cannot_be_read_for_a_moment_makes_no_job_lost(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", wait_for_go(tmp_path)), 0)
    record = Path(handle.job.folder) / f"{handle.job.job_id}_process.json"
    content = record.read_text()
    record.rename(record.with_name("aside"))
    record.symlink_to(record)  # opening it fails with ELOOP, for every user
    attached = attach(handle.job)
    with pytest.raises(OSError, match="symbolic links"):
        attached.state()
    record.unlink()
    record.write_text(content)
    assert attached.state() is JobState.RUNNING
    (tmp_path / "go").touch()
    assert wait_for([attached]) == [JobState.FINISHED]


def test_only_pickles_of_ours_are_removed_where_a_submission_was_cut_off(tmp_path: Path) -> None:
    ours, trainings = tmp_path / f"{'0a' * 16}.pkl", tmp_path / "model.pkl"
    for path in (ours, trainings):
        path.touch()
    remove_unpublished(tmp_path)
    assert [ours.exists(), trainings.exists()] == [False, True]


def test_a_result_that_cannot_be_opened_for_a_moment_is_not_the_failure_of_its_trial(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    (handle,) = submit(open_launcher(tmp_path, "async_local", wait_for_go(tmp_path)), 0)
    assert wait_for([handle]) == [JobState.FINISHED]
    with no_more_files(), pytest.raises(OSError, match="Too many open files"):
        handle.result()
    assert handle.result().value == 7


@contextmanager
def no_more_files() -> Iterator[None]:
    """A process that has as many files open as it may have, as a sweeper with hundreds of jobs."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
