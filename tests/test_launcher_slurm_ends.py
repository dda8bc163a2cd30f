"""How Slurm jobs end, run again, and are attached: one launcher, without a sweep."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import waiting
from launching import open_launcher, raises_on_sigterm, request, submit, wait_for, wait_until
from slurm.cluster import NODES, SlurmCluster
from waiting import wait_for_file

from ax_moo.jobs.launcher import JobHandle, JobRequest, JobState
from ax_moo.trial import Fault, Job
from ax_moo_launchers import handle as job_handle
from ax_moo_launchers.attach import attach, attacher
from ax_moo_launchers.files import result_file
from ax_moo_launchers.slurm import watcher

Task = Callable[[Any], Any]

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra, pytest.mark.usefixtures("slurm_cluster")]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_handle, "NO_RESULT_S", 1.0)


def wait_for_end(cluster: SlurmCluster, job_id: str) -> str:
    """The state in which the controller has a job that is over."""
    deadline = time.monotonic() + 60
    while True:
        state = cluster.call("squeue", "-h", "--array", "--states=all", "-o", "%T", "-j", job_id).stdout.strip()
        if state not in ("PENDING", "RUNNING", "COMPLETING"):
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.2)


# Tasks are nested functions, so that the job gets them by value and does not import pytest.
def sleeper(folder: Path) -> Task:
    def task(config: Any) -> None:
        (folder / "ready").write_text("yes")
        time.sleep(120)

    return task


def test_attempts_have_files_of_their_own_and_are_no_array(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", lambda config: int(config.attempt))
    requests = [JobRequest(0, ("+attempt=1",), 1), JobRequest(1, ("+attempt=2",), 2)]
    handles = launcher.submit(requests)
    assert [handle.job.folder for handle in handles] == [
        str(tmp_path / "sweep/.submitit/0"),
        str(tmp_path / "sweep/.submitit/1/attempt-2"),
    ]
    assert not any("_" in handle.job.job_id for handle in handles)
    again = open_launcher(tmp_path, "async_slurm", lambda config: 0)
    assert again.find(replace(requests[1], attempt=1)) is None
    assert again.find(requests[1]).job == handles[1].job
    assert wait_for([again.find(each) for each in requests], 60) == [JobState.FINISHED] * 2
    assert again.find(requests[1]).result().value == 2
    assert list((tmp_path / "sweep/.submitit/1/attempt-2").glob("*_log.out"))


def test_jobs_are_attached_whatever_the_launcher_is(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    def task(config: Any) -> str:
        time.sleep(2)
        return os.environ.get("SLURMD_NODENAME", "here")

    (slurm,) = submit(open_launcher(tmp_path, "async_slurm", task), 0)
    (local,) = submit(open_launcher(tmp_path, "async_local", task), 1)
    by_local = open_launcher(tmp_path, "async_local", task)
    by_slurm = open_launcher(tmp_path, "async_slurm", task)
    none = attacher()
    handles = [by_local.attach(slurm.job), by_slurm.attach(local.job), none(slurm.job), none(local.job)]
    assert by_local.find(request(0)).job == slurm.job
    assert by_slurm.find(request(1)).job == local.job
    assert by_slurm.cancel_command([slurm.job, local.job]) == f"kill -9 -{local.job.job_id}; scancel {slurm.job.job_id}"
    assert wait_for(handles, 60) == [JobState.FINISHED] * 4
    values = [handle.result().value for handle in handles]
    assert values[0] == values[2] != "here"
    assert values[1] == values[3] == "here"


def test_running_pending_and_array_jobs_are_cancelled_with_slurms_own_reason(tmp_path: Path) -> None:
    held = {"hydra.launcher.array_parallelism=1"}
    running, pending = submit(open_launcher(tmp_path, "async_slurm", raises_on_sigterm(tmp_path), *held), 0, 1)
    wait_for_file(tmp_path / "ready")
    assert wait_until(pending, [JobState.PENDING, *wait_states()]) is JobState.PENDING
    for handle in (pending, running):
        handle.cancel()
    assert wait_for([running, pending], 60) == [JobState.LOST] * 2
    for handle in (running, pending):
        assert handle.result().error.startswith("CANCELLED")  # accounting may not yet know by whom
    assert list(Path(running.job.folder).glob("*_result.pkl*")) == []


def wait_states() -> list[JobState]:
    return [JobState.FINISHED, JobState.LOST]


def test_a_job_that_is_cancelled_before_it_began_is_nobodys_fault(tmp_path: Path) -> None:
    held = "+hydra.launcher.additional_parameters.hold=true"
    (handle,) = submit(open_launcher(tmp_path, "async_slurm", sleeper(tmp_path), held), 0)
    assert wait_until(handle, [JobState.PENDING, *wait_states()]) is JobState.PENDING
    subprocess.run(["scancel", handle.job.job_id], check=True)
    assert wait_for([handle], 60) == [JobState.LOST]
    assert (handle.result().fault, handle.result().node) == (Fault.PREEMPTED, "")


def test_a_job_that_ends_by_itself_to_make_room_was_preempted(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    """Slurm calls it FAILED."""

    def task(config: Any) -> None:
        signal.signal(signal.SIGUSR2, lambda number, frame: os._exit(143))
        (tmp_path / "ready").write_text("yes")
        time.sleep(120)

    place = ("hydra.launcher.partition=taken", "hydra.launcher.gpus_per_node=1")
    slurm_cluster.call("scontrol", "update", "partitionname=taken", "gracetime=30")
    try:
        (handle,) = submit(open_launcher(tmp_path, "async_slurm", task, *place), 0)
        wait_for_file(tmp_path / "ready")
        slurm_cluster.preempt(handle.job.job_id)
        assert wait_for([handle], 60) == [JobState.LOST]
    finally:
        slurm_cluster.call("scontrol", "update", "partitionname=taken", "gracetime=0")
    result = handle.result()
    assert (result.error, result.fault) == ("FAILED, exit code 15, no result written", Fault.PREEMPTED)
    assert result.node in NODES


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "LAUNCH_FAILED, requeued and held"),
        (("+hydra.launcher.additional_parameters.no_requeue=true",), "CANCELLED by 0"),
    ],
)
def test_a_job_that_its_node_could_not_start_is_lost_by_the_nodes_fault(
    tmp_path: Path, slurm_cluster: SlurmCluster, options: tuple[str, ...], reason: str
) -> None:
    """Slurm holds it until an administrator has looked at it, which may be never, or cancels it after 0 s."""
    slurm_cluster.free_nodes()
    slurm_cluster.break_node("n1")
    try:
        (handle,) = submit(open_launcher(tmp_path, "async_slurm", lambda config: 7, *options), 0)
        assert wait_for([handle], 60) == [JobState.LOST]
        result = handle.result()
        assert (result.error, result.fault) == (f"{reason}, no result written", Fault.NODE_FAILED)
        assert result.node == "n1"
        assert wait_for_end(slurm_cluster, handle.job.job_id) == "CANCELLED"
    finally:
        slurm_cluster.repair_nodes()


@pytest.mark.parametrize("way", ["by accounting", "by the controller"])
def test_a_job_that_dies_at_its_start_says_so_and_where(
    tmp_path: Path, slurm_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "by the controller":
        monkeypatch.setattr(watcher.commands, "account_ends", lambda job_ids: None)
    (handle,) = submit(open_launcher(tmp_path, "async_slurm", lambda config: os._exit(9)), 0)
    assert wait_for([handle], 60) == [JobState.LOST]
    assert (handle.result().fault, handle.result().node in NODES) == (Fault.DIED_AT_START, True)


def test_a_cancellation_that_the_controller_did_not_hear_is_sent_again(
    tmp_path: Path, slurm_cluster: SlurmCluster
) -> None:
    handles = submit(open_launcher(tmp_path, "async_slurm", sleeper(tmp_path)), 0, 1)
    wait_for_file(tmp_path / "ready")
    slurm_cluster.stop_controller()
    try:
        for handle in handles:
            handle.cancel()
    finally:
        slurm_cluster.start_controller()
    assert wait_for(handles, 60) == [JobState.LOST] * 2
    assert all(handle.result().error.startswith("CANCELLED") for handle in handles)


def test_a_requeued_job_is_watched_through_both_of_its_lives(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    """Its first life leaves behind what a kill at the worst moments leaves."""

    def task(config: Any) -> str:
        job_id = os.environ["SLURM_JOB_ID"]
        if os.environ.get("SLURM_RESTART_COUNT", "0") == "0":
            (folder / f"{job_id}_0_result.pkl.save_tmp").write_bytes(b"torn")
            (folder / f"{job_id}_note.txt").write_text("of the first life")
            (folder / f"{job_id}_submitted.pkl").rename(folder / f"{job_id}_submitted.pkl.save_tmp")
            (folder / "ready").write_text("yes")
            time.sleep(120)
        return "second life"

    folder = tmp_path / "sweep/.submitit/0"
    (handle,) = submit(open_launcher(tmp_path, "async_slurm", task), 0)
    wait_for_file(folder / "ready")
    assert wait_until(handle, [JobState.RUNNING]) is JobState.RUNNING
    slurm_cluster.call("scontrol", "requeue", handle.job.job_id)
    assert wait_until(handle, [JobState.PENDING, *wait_states()]) is JobState.PENDING
    slurm_cluster.let_start(handle.job.job_id)
    assert wait_until(handle, [JobState.RUNNING, *wait_states()]) in (JobState.RUNNING, JobState.FINISHED)
    assert wait_for([handle], 60) == [JobState.FINISHED]
    assert handle.result().value == "second life"
    assert not list(folder.glob("*.save_tmp"))
    assert not list(folder.glob("*_note.txt"))


def test_a_job_that_is_requeued_after_its_work_does_not_work_again(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    def task(config: Any) -> str:
        import atexit

        with open(folder / "starts", "a") as file:
            file.write("x")
        atexit.register(time.sleep, 120)
        return "done"

    folder = tmp_path
    (handle,) = submit(open_launcher(tmp_path, "async_slurm", task), 0)
    assert wait_for([handle], 60) == [JobState.FINISHED]
    result = result_file(Path(handle.job.folder), handle.job.job_id)
    before = result.stat()
    slurm_cluster.call("scontrol", "requeue", handle.job.job_id)
    slurm_cluster.let_start(handle.job.job_id)
    assert wait_for_end(slurm_cluster, handle.job.job_id) == "COMPLETED"
    assert (tmp_path / "starts").read_text() == "x"
    assert result.stat() == before
    (log,) = Path(handle.job.folder).glob("*_log.out")
    assert "nothing is left to do" in log.read_text()


def test_a_job_that_slurm_runs_again_after_it_was_called_ended_is_not_lost(
    tmp_path: Path, slurm_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as its trial was not given to another job: after that it must not come back."""
    monkeypatch.setattr(job_handle, "NO_RESULT_S", 60.0)

    def task(config: Any) -> str:
        if os.environ.get("SLURM_RESTART_COUNT", "0") == "0":
            os._exit(9)
        return "again"

    (handle,) = submit(open_launcher(tmp_path, "async_slurm", task), 0)
    assert wait_for_end(slurm_cluster, handle.job.job_id) == "FAILED"
    assert handle.state() is JobState.RUNNING, "its result might still come"
    slurm_cluster.call("scontrol", "requeue", handle.job.job_id)
    assert wait_until(handle, [JobState.PENDING, *wait_states()]) is JobState.PENDING
    slurm_cluster.let_start(handle.job.job_id)
    assert wait_for([handle], 60) == [JobState.FINISHED]
    assert handle.result().value == "again"


def test_a_job_that_was_called_lost_stays_lost_and_does_not_come_back(
    tmp_path: Path, slurm_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of which neither the controller nor accounting can be asked is called lost in the end, and it may run."""
    monkeypatch.setattr(watcher, "_FORGOTTEN_S", -1.0)
    (handle,) = submit(open_launcher(tmp_path, "async_slurm", sleeper(tmp_path)), 0)
    wait_for_file(tmp_path / "ready")
    monkeypatch.setattr(watcher.commands, "queue_states", lambda job_ids: {})
    assert wait_for([handle], 60) == [JobState.LOST]
    monkeypatch.undo()
    assert handle.state() is JobState.LOST
    assert wait_for_end(slurm_cluster, handle.job.job_id) == "CANCELLED"


def test_a_job_that_cannot_be_requeued_is_lost_and_has_not_failed(tmp_path: Path) -> None:
    """Its signal for a preemption comes, and there is no scontrol on its PATH."""
    options = ["hydra.launcher.use_srun=false", "hydra.launcher.setup=['export PATH=/nowhere']"]
    (handle,) = submit(open_launcher(tmp_path, "async_slurm", sleeper(tmp_path), *options), 0)
    wait_for_file(tmp_path / "ready")
    subprocess.run(["scancel", "--batch", "--full", "--signal=USR2", handle.job.job_id], check=True)
    assert wait_for([handle], 60) == [JobState.LOST]
    reason = "preempted, and could not be requeued: FileNotFoundError"
    assert handle.result().error.startswith(reason)


def test_the_late_result_of_a_completed_job_is_waited_for(
    tmp_path: Path, slurm_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_slurm", lambda config: 7), 0)
    result = result_file(Path(handle.job.folder), handle.job.job_id)
    assert wait_for_end(slurm_cluster, handle.job.job_id) == "COMPLETED"
    result.rename(tmp_path / "away")
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        assert handle.state() is JobState.RUNNING
        time.sleep(0.1)
    (tmp_path / "away").rename(result)
    assert handle.state() is JobState.FINISHED

    result.rename(tmp_path / "away")
    monkeypatch.setattr(job_handle, "LATE_RESULT_S", 1.0)
    never = attach(handle.job)
    assert wait_for([never]) == [JobState.LOST]
    assert never.result().error == "COMPLETED, no result written"


def test_a_job_that_nobody_knows_is_lost_in_the_end_also_while_accounting_is_down(
    tmp_path: Path, slurm_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_FORGOTTEN_S", 4.0)
    slurm_cluster.stop_accounting()
    try:
        handle = attach(Job("60000999", str(tmp_path)))
        assert handle.state() is JobState.RUNNING, "not at once"
        assert wait_for([handle], 60) == [JobState.LOST]
        assert handle.result().error == "no longer known to Slurm, no result written"
    finally:
        slurm_cluster.start_accounting()


def test_a_job_that_ends_while_accounting_is_down_has_the_controllers_reason(
    tmp_path: Path, slurm_cluster: SlurmCluster
) -> None:
    slurm_cluster.stop_accounting()
    try:
        (handle,) = submit(open_launcher(tmp_path, "async_slurm", lambda config: os._exit(9)), 0)
        assert wait_for([handle], 60) == [JobState.LOST]
        assert handle.result().error == "FAILED, exit code 9, no result written"
    finally:
        slurm_cluster.start_accounting()


def test_a_sweep_inside_a_slurm_job_submits_as_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sbatch takes some of a surrounding job's variables for its options, and hands all of them on."""

    def task(config: Any) -> dict[str, str]:
        return dict(os.environ)

    around = {
        "SLURM_JOB_ID": "4711",
        "SLURM_MEM_PER_NODE": "500",
        "SLURM_NTASKS": "4",
        "SLURM_NPROCS": "4",
        "SLURM_CPUS_PER_TASK": "3",
        "SLURM_RESTART_COUNT": "1",
        "SLURM_ARRAY_TASK_ID": "5",
        "SLURM_ARRAY_JOB_ID": "4711",
        "SLURM_HINT": "nomultithread",
        "CUDA_VISIBLE_DEVICES": "1",
        "SQUEUE_PARTITION": "another",
        "SBATCH_NO_REQUEUE": "1",
        "OF_THE_USER": "kept",
    }
    for key, value in around.items():
        monkeypatch.setenv(key, value)
    launcher = open_launcher(tmp_path, "async_slurm", task, "hydra.launcher.mem_per_cpu=100M")
    (handle,) = submit(launcher, 0)
    assert wait_for([handle], 60) == [JobState.FINISHED]
    seen = handle.result().value
    assert seen["SLURM_JOB_ID"] == handle.job.job_id
    assert seen["SLURM_NTASKS"] == "1"
    assert seen["OF_THE_USER"] == "kept"
    assert not {"SLURM_MEM_PER_NODE", "SLURM_RESTART_COUNT", "SLURM_ARRAY_TASK_ID", "SLURM_HINT"} & set(seen)
    assert "CUDA_VISIBLE_DEVICES" not in seen
    words = subprocess.check_output(["scontrol", "show", "job", handle.job.job_id], text=True)
    assert "Requeue=0" in words
    assert "NumCPUs=1 " in words

    held = open_launcher(tmp_path, "async_slurm", task, "+hydra.launcher.additional_parameters.hold=true")
    (waiting,) = submit(held, 1)
    assert waiting.state() is JobState.PENDING, "what squeue shows its user is not what it shows the sweep"
    waiting.cancel()


INSIDE = """#!/bin/bash
#SBATCH --ntasks=2 --cpus-per-task=2 --mem=300 --output={folder}/controller.log --export=ALL
exec {python} -W ignore {folder}/controller.py
"""
CONTROLLER = """
import sys; sys.path[:0] = [{tests!r}]
from pathlib import Path
from launching import open_launcher, submit, wait_for
def task(config):
    import os
    return os.environ["SLURM_JOB_ID"], os.environ["SLURM_NTASKS"], os.environ.get("SLURM_MEM_PER_NODE")
launcher = open_launcher(Path({folder!r}), "async_slurm", task, "hydra.launcher.mem_per_cpu=100M")
handles = submit(launcher, 0, 1)
wait_for(handles, 90)
Path({folder!r}, "answer").write_text(repr([(h.job.job_id, h.result()) for h in handles]))
"""


def test_a_slurm_job_submits_slurm_jobs(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    import sys

    names = {"folder": str(tmp_path), "python": sys.executable, "tests": str(Path(__file__).parent)}
    (tmp_path / "controller.py").write_text(CONTROLLER.format_map(names))
    (tmp_path / "controller.sh").write_text(INSIDE.format_map(names))
    subprocess.run(["sbatch", str(tmp_path / "controller.sh")], check=True, capture_output=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "answer").exists():
        log = tmp_path / "controller.log"
        assert time.monotonic() < deadline, log.read_text() if log.exists() else "it did not start"
        time.sleep(0.2)
    answer = wait_for_file(tmp_path / "answer")
    assert answer.count("error=None") == 2, answer
    assert answer.count("'1', None)") == 2, answer


def test_the_folder_of_a_job_is_refreshed_now_and_then_and_when_the_job_has_ended(
    tmp_path: Path, slurm_cluster: SlurmCluster
) -> None:
    def changed(handle: JobHandle) -> int:
        handle.state()
        return os.stat(handle.job.folder).st_ctime_ns

    (handle,) = submit(open_launcher(tmp_path, "async_slurm", lambda config: os._exit(0)), 0)
    wait_for_end(slurm_cluster, handle.job.job_id)
    watched = attach(handle.job)
    changes = {changed(watched)}
    deadline = time.monotonic() + 10
    while len(changes) <= 10:
        assert time.monotonic() < deadline, "the job has ended: its result must not be missed"
        changes.add(changed(watched))

    unknown = Job("60000998", handle.job.folder)
    quiet = attach(unknown)
    begin, changes = time.monotonic(), set()
    while time.monotonic() - begin < 2:
        changes.add(changed(quiet))
        time.sleep(0.01)
    assert len(changes) <= 2


def test_a_job_of_several_tasks_is_finished_when_all_of_them_are_also_after_a_resume(tmp_path: Path) -> None:
    def task(config: Any) -> str:
        if os.environ["SLURM_PROCID"] == "1":
            while not (tmp_path / "go").exists():
                time.sleep(0.1)
        return os.environ["SLURM_PROCID"]

    launcher = open_launcher(tmp_path, "async_slurm", task, "hydra.launcher.tasks_per_node=2")
    # In an array, and by itself.
    handles = [*submit(launcher, 0, 1), *submit(launcher, 5)]
    again = open_launcher(tmp_path, "async_slurm", task, "hydra.launcher.tasks_per_node=2")
    known = [
        *handles,
        *(attach(handle.job) for handle in handles),
        *(again.find(request(trial)) for trial in (0, 1, 5)),
    ]
    for handle in handles:
        first = result_file(Path(handle.job.folder), handle.job.job_id)
        waiting.wait_until(first.exists, "the result of the first task")
    assert [handle.state() for handle in known] == [JobState.RUNNING] * 9
    (tmp_path / "go").touch()
    assert wait_for(known) == [JobState.FINISHED] * 9
    assert [handle.result().value for handle in known] == ["0"] * 9
