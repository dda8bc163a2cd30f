"""Which job belongs to which attempt at a trial, and how a job of any kind is attached."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from launching import open_launcher, submit, wait_for

from ax_moo.jobs.launcher import JobRequest, JobState
from ax_moo.trial import Fault, Job
from ax_moo_launchers import handle as job_handle
from ax_moo_launchers.attach import attach, cancel_command
from ax_moo_launchers.local import handle as local_handle
from ax_moo_launchers.local.processes import boot_of_machine, start_of

# How jobs and the loop go does not hang on the version of Hydra; other tests run both under each.
pytestmark = pytest.mark.one_hydra


def test_every_attempt_has_files_of_its_own_and_is_found_by_its_number(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_local", lambda config: int(config.attempt))
    requests = [JobRequest(4, (f"+attempt={number}",), number) for number in (1, 2, 3)]
    first, second = launcher.submit(requests[:2])

    again = open_launcher(tmp_path, "async_local", lambda config: 0)
    assert first.job.folder == str(tmp_path / "sweep/.submitit/4")
    assert second.job.folder == str(tmp_path / "sweep/.submitit/4/attempt-2")
    assert [again.find(each).job for each in requests[:2]] == [first.job, second.job]
    assert again.find(requests[2]) is None
    assert wait_for([first, again.find(requests[1])]) == [JobState.FINISHED] * 2
    assert [again.find(each).result().value for each in requests[:2]] == [1, 2]


def test_every_attempt_runs_in_the_same_job_folder(tmp_path: Path) -> None:
    def task(config: Any) -> str:
        from hydra.core.hydra_config import HydraConfig

        return str(HydraConfig.get().runtime.output_dir)

    handles = open_launcher(tmp_path, "async_local", task).submit([JobRequest(4, (), 1), JobRequest(4, (), 2)])
    wait_for(handles)
    assert [handle.result().value for handle in handles] == [str(tmp_path / "sweep/4")] * 2


def test_a_local_job_is_attached_without_its_launcher(tmp_path: Path) -> None:
    def task(config: Any) -> int:
        while not (tmp_path / "go").exists():
            time.sleep(0.05)
        return 7

    (handle,) = submit(open_launcher(tmp_path, "async_local", task, "hydra.launcher.tasks_per_node=2"), 0)
    attached = attach(handle.job)
    assert attached.state() is JobState.RUNNING
    (tmp_path / "go").touch()
    wait_for([attached])
    assert attached.result().value == 7
    assert (tmp_path / f"sweep/.submitit/0/{handle.job.job_id}_1_result.pkl").exists(), "it waits for both tasks"


def test_a_job_that_ran_inside_its_sweep_has_ended_with_it() -> None:
    handle = attach(Job("3", ""))
    assert handle.state() is JobState.LOST
    assert handle.result().error == "the job ran inside a sweeper that has ended"
    handle.cancel()


def test_a_job_of_a_scheduler_that_cannot_be_asked_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command-less machine is this one with an empty PATH; what Slurm says of jobs is tested with the cluster."""
    monkeypatch.setenv("PATH", str(tmp_path))
    handle = attach(Job("12_3", str(tmp_path)))
    assert handle.state() is JobState.RUNNING
    handle.cancel()
    assert handle.state() is JobState.RUNNING


def test_the_command_that_ends_jobs_names_each_by_its_kind(tmp_path: Path) -> None:
    (tmp_path / "17_process.json").touch()
    jobs = [Job("17", str(tmp_path)), Job("12_3", str(tmp_path)), Job("0", ""), Job("14", str(tmp_path))]
    assert cancel_command(jobs) == "kill -9 -17; scancel 12_3 14"
    assert cancel_command(jobs[:1]) == "kill -9 -17"
    assert cancel_command(jobs[2:3]) == ""


def test_attached_jobs_hold_their_gpus_on_their_own_host_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def task(config: Any) -> Any:
        while not (tmp_path / "go").exists():
            time.sleep(0.05)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    (first,) = submit(open_launcher(tmp_path, "async_local", task), 0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "99_process.json").write_text('{"host": "another", "gpus": ["5"]}')

    again = open_launcher(tmp_path, "async_local", task)
    assert again.attach(Job("99", str(elsewhere))).state() is JobState.RUNNING, "its heartbeat is fresh"
    attached = again.attach(first.job)
    (second,) = submit(again, 1)
    (tmp_path / "go").touch()
    wait_for([attached, second])
    assert [attached.result().value, second.result().value] == ["4", "5"]


def record_of(pid: int, **changes: str | None) -> str:
    about = {"host": socket.gethostname(), "boot": boot_of_machine(), "pid": pid, "start": start_of(pid)}
    return json.dumps({**about, **changes})


def test_a_job_whose_host_is_gone_is_lost_when_it_was_silent_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_handle, "_SILENCE_S", 0.5)
    monkeypatch.setattr(job_handle, "NO_RESULT_S", 0.5)
    record = tmp_path / "17_process.json"
    record.write_text(record_of(17, host="another"))
    handle = attach(Job("17", str(tmp_path)))
    begin = time.monotonic()
    while time.monotonic() - begin < 1.5:
        os.utime(record, (begin, time.monotonic()))  # its heartbeat, by a clock that is not this host's
        assert handle.state() is JobState.RUNNING
        time.sleep(0.05)
    assert wait_for([handle]) == [JobState.LOST]
    assert handle.result().error == "no result, and no sign of life from another, where it ran"


@pytest.mark.parametrize(
    ("changes", "reason", "fault"),
    [
        ({"start": "1"}, "killed together with its controller", None),
        ({"boot": "before"}, "its machine was rebooted", Fault.NODE_FAILED),
    ],
    ids=["another process", "another boot"],
)
def test_a_process_that_only_has_the_jobs_pid_is_left_alone(
    tmp_path: Path, changes: dict[str, str], reason: str, fault: Fault | None
) -> None:
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        (tmp_path / f"{other.pid}_process.json").write_text(record_of(other.pid, **changes))
        handle = attach(Job(str(other.pid), str(tmp_path)))
        assert handle.state() is JobState.LOST
        assert (handle.result().error.startswith(reason), handle.result().fault) == (True, fault)
        handle.cancel()
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.2)
    finally:
        other.kill()
        other.wait()


def test_the_clock_may_be_set_while_a_job_runs(tmp_path: Path) -> None:
    """psutil makes a process's time of day from that of the machine's start, which moves with the clock."""
    controller = subprocess.Popen([sys.executable, "-c", "input()", "ax_moo_launchers"], stdin=subprocess.PIPE)
    try:
        before = start_of(controller.pid)
        assert before is not None
        assert before.isdigit(), "it is the kernel's count, not a time of day"
        (tmp_path / f"{controller.pid}_process.json").write_text(record_of(controller.pid))
        assert attach(Job(str(controller.pid), str(tmp_path))).state() is JobState.RUNNING
    finally:
        controller.communicate(b"\n")
