"""How a job ends that is told to, whose result comes late, or that runs again."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from launching import open_launcher, raises_on_sigterm, submit, wait_for, wait_until
from waiting import wait_for_file

from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo_launchers import handle as job_handle
from ax_moo_launchers.attach import attach
from ax_moo_launchers.files import result_file

# How jobs and the loop go does not hang on the version of Hydra; other tests run both under each.
pytestmark = pytest.mark.one_hydra


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_cancelled_job_that_raises_for_it_is_lost_and_has_not_failed(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", raises_on_sigterm(tmp_path, error)), 0)
    wait_for_file(tmp_path / "ready")
    handle.cancel()
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error == "cancelled"
    assert list(Path(handle.job.folder).glob("*_result.pkl*")) == []


def test_who_ends_only_the_task_is_not_taken_for_its_failure(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", raises_on_sigterm(tmp_path)), 0)
    os.kill(int(wait_for_file(tmp_path / "ready")), signal.SIGTERM)
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error == "killed by signal 15 (SIGTERM), no result written"


def test_a_warning_reaches_an_application_that_waits_and_has_threads(tmp_path: Path) -> None:
    """Slurm, and our launchers, send SIGCONT with each signal, for a process that was stopped."""
    sends = """
import os, select, signal, sys
pid, heard = map(int, sys.argv[1:])
for _ in range(20):
    os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGUSR1)
    if not select.select([heard], [], [], 20)[0]:
        sys.exit("no answer")
    os.read(heard, 1)
"""

    def task(config: Any) -> int:
        heard, hears = os.pipe()
        signal.signal(signal.SIGUSR1, lambda number, frame: os.write(hears, b"."))
        threading.Thread(target=time.sleep, args=(120,), daemon=True).start()
        return subprocess.call([sys.executable, "-c", sends, str(os.getpid()), str(heard)], pass_fds=[heard])

    (handle,) = submit(open_launcher(tmp_path, "async_local", task), 0)
    wait_for([handle])
    assert handle.result().value == 0


def test_a_result_that_is_returned_in_spite_of_a_cancellation_counts(tmp_path: Path) -> None:
    def task(config: Any) -> str:
        (folder / "ready").write_text("yes")
        came: list[int] = []
        before: Any = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda number, frame: (before(number, frame), came.append(number)))
        deadline = time.monotonic() + 30
        while not came and time.monotonic() < deadline:
            time.sleep(0.02)
        return f"after {came}"

    folder = tmp_path
    (handle,) = submit(open_launcher(tmp_path, "async_local", task), 0)
    wait_for_file(tmp_path / "ready")
    handle.cancel()
    assert wait_for([handle]) == [JobState.FINISHED]
    assert handle.result().value == "after [15]"


def test_an_exception_without_a_signal_is_the_applications_own(tmp_path: Path) -> None:
    def task(config: Any) -> None:
        if config.trial == 1:
            sys.exit(3)
        raise ValueError("boom")

    handles = submit(open_launcher(tmp_path, "async_local", task), 0, 1)
    assert wait_for(handles) == [JobState.FINISHED] * 2
    errors = [handle.result().error for handle in handles]
    assert errors == ["ValueError: boom", "RuntimeError: the task function called sys.exit(3)"]


@pytest.mark.one_hydra
def test_lightning_told_to_end_is_lost_and_has_not_failed(tmp_path: Path) -> None:
    def task(config: Any) -> None:
        import warnings

        import torch
        from pytorch_lightning import LightningModule, Trainer
        from pytorch_lightning.plugins.environments import LightningEnvironment

        class Endless(LightningModule):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.layer = torch.nn.Linear(1, 1)

            def training_step(self, batch: object, index: int) -> object:
                if index == 5:
                    (folder / "ready").write_text("yes")
                return self.layer(batch).sum()

            def configure_optimizers(self) -> object:
                return torch.optim.SGD(self.parameters(), lr=0.0)

        warnings.simplefilter("ignore")
        options: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = Trainer(accelerator="cpu", max_epochs=-1, plugins=[LightningEnvironment()], **options)
        trainer.fit(Endless(), torch.utils.data.DataLoader(torch.zeros(1000, 1)))

    folder = tmp_path
    (handle,) = submit(open_launcher(tmp_path, "async_local", task), 0)
    deadline = time.monotonic() + 120
    while not (tmp_path / "ready").exists():
        assert handle.state() is JobState.RUNNING, handle.result()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    handle.cancel()
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error == "cancelled"


def test_an_application_that_ignores_its_cancellation_is_killed(tmp_path: Path) -> None:
    def task(config: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (folder / "ready").write_text(str(os.getpid()))
        time.sleep(60)

    folder = tmp_path
    (handle,) = submit(open_launcher(tmp_path, "async_local", task), 0)
    wait_for_file(tmp_path / "ready")
    handle.cancel()
    assert handle.state() is JobState.RUNNING
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error == "cancelled"


def test_a_job_that_is_cancelled_before_it_has_begun_says_so(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", lambda config: 0), 0)
    handle.cancel()
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error == "cancelled"


def finished_job(folder: Path) -> tuple[JobHandle, Path]:
    """A job that has ended well, and its result moved away."""
    (handle,) = submit(open_launcher(folder, "async_local", lambda config: 7), 0)
    result = result_file(Path(handle.job.folder), handle.job.job_id)
    wait_for([handle])
    wait_for_file(Path(handle.job.folder) / f"{handle.job.job_id}_exit.json")
    result.rename(folder / "away")
    return attach(handle.job), result


def test_the_late_result_of_a_job_that_has_ended_well_is_waited_for(tmp_path: Path) -> None:
    handle, result = finished_job(tmp_path)
    states = set()
    for _ in range(5):
        states.add(handle.state())
        time.sleep(0.1)
    assert states == {JobState.RUNNING}
    (tmp_path / "away").rename(result)
    assert handle.state() is JobState.FINISHED
    assert handle.result().value == 7


def test_a_result_that_never_comes_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_handle, "LATE_RESULT_S", 0.5)
    handle, _ = finished_job(tmp_path)
    assert handle.state() is JobState.RUNNING
    assert wait_until(handle, [JobState.LOST]) is JobState.LOST
    assert handle.result().error == "exit code 0, no result written"


RUN_AGAIN = """
import os, sys
from submitit.core import utils
folder, starts = sys.argv[1:]
def work():
    with open(starts, "a") as file:
        file.write("x")
    return "worked"
submission = utils.DelayedSubmission(work)
submission.dump(folder + "/17_submitted.pkl")
"""


def run_again(folder: Path, starts: Path, **environ: str) -> str:
    """The life of job 17 in this folder, as Slurm starts it again and again under the same id; returns its log."""
    job = {"SUBMITIT_EXECUTOR": "local", "SUBMITIT_LOCAL_JOB_ID": "17", "SUBMITIT_LOCAL_GLOBALID": "0", **environ}
    module = "ax_moo_launchers.job.task"
    command = [sys.executable, "-m", module, str(folder)]
    done = subprocess.run(command, env={**os.environ, **job}, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.fixture
def job_17(tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", RUN_AGAIN, str(folder), str(tmp_path / "starts")], check=True)
    return folder


def test_a_job_whose_result_is_there_does_not_work_again(tmp_path: Path, job_17: Path) -> None:
    run_again(job_17, tmp_path / "starts")
    result = (job_17 / "17_0_result.pkl").stat()
    written = result.st_ino, result.st_mtime_ns
    assert "nothing is left to do" in run_again(job_17, tmp_path / "starts")
    assert (tmp_path / "starts").read_text() == "x"
    result = (job_17 / "17_0_result.pkl").stat()
    assert (result.st_ino, result.st_mtime_ns) == written


def test_a_task_whose_first_task_has_a_result_does_not_wait_for_it(tmp_path: Path, job_17: Path) -> None:
    (job_17 / "17_0_result.pkl").write_bytes(pickle.dumps("of the first task"))
    second = {"SUBMITIT_LOCAL_GLOBALID": "1", "SUBMITIT_LOCAL_NTASKS": "2"}
    assert "nothing is left to do" in run_again(job_17, tmp_path / "starts", **second, SLURM_RESTART_COUNT="1")
    assert not (tmp_path / "starts").exists()
    run_again(job_17, tmp_path / "starts", **second)
    assert (tmp_path / "starts").read_text() == "x", "the first task was only quicker"


def test_what_a_killed_life_left_half_done_is_in_nobodys_way(tmp_path: Path, job_17: Path) -> None:
    (job_17 / "17_0_result.pkl.save_tmp").write_bytes(b"torn")
    (job_17 / "17_note.txt").write_text("of an earlier life")
    (job_17 / "17_submitted.pkl").rename(job_17 / "17_submitted.pkl.save_tmp")
    run_again(job_17, tmp_path / "starts")
    assert (tmp_path / "starts").read_text() == "x"
    assert {path.name for path in job_17.iterdir()} == {"17_submitted.pkl", "17_0_result.pkl"}


def test_a_torn_checkpoint_is_removed(tmp_path: Path, job_17: Path) -> None:
    (job_17 / "17_submitted.pkl.save_tmp").write_bytes(b"torn")
    run_again(job_17, tmp_path / "starts")
    assert {path.name for path in job_17.iterdir()} == {"17_submitted.pkl", "17_0_result.pkl"}
