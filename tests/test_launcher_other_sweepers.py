"""`python app.py -m hydra/launcher=async_local` under Hydra's own sweeper, which waits for the whole batch."""

import errno
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from held_jobs import HeldJobs
from launching import open_launcher
from waiting import wait_until, wait_until_none_is_left

from ax_moo.jobs import refusals
from ax_moo.jobs.launcher import JobRequest
from ax_moo_launchers import batch
from ax_moo_launchers.local.cores import cgroup_quota
from ax_moo_launchers.local.handle import LocalHandle

LOCAL = "hydra/launcher=async_local"
TWO = "hydra.launcher.max_parallel=2"


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldJobs]:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    jobs = HeldJobs(tmp_path)
    yield jobs
    jobs.end()


def test_as_many_jobs_run_at_once_as_the_user_allows_and_the_next_begins_when_one_ends(held: HeldJobs) -> None:
    process = held.start(LOCAL, TWO, "+x=1,2,3,4,5")
    held.wait_for(0, 1)
    held.go(1)
    held.wait_for(0, 1, 2)
    held.go(0)
    held.go(2)
    held.wait_for(0, 1, 2, 3, 4)
    held.go(3)
    held.go(4)
    ended = process.end()
    assert ended.code == 0, ended.stderr
    assert held.most_at_once() == 2
    assert "5 jobs, at most 2 at once" in ended.stdout


@pytest.mark.one_hydra
@pytest.mark.parametrize(
    ("options", "cores"),
    [
        pytest.param((), "1", id="one core"),
        pytest.param(("hydra.launcher.cpus_per_task=2",), "2", id="two cores for each job"),
        pytest.param(("hydra.launcher.cpus_per_task=64",), "1", id="more cores for each job than there are"),
    ],
)
def test_without_a_limit_of_the_users_as_many_jobs_run_at_once_as_the_cores_take(
    held: HeldJobs, options: Sequence[str], cores: str
) -> None:
    process = held.start(LOCAL, "hydra.launcher.gpus=none", *options, "+x=1,2,3", CORES=cores)
    for number in range(3):
        held.wait_for(*range(number + 1))
        held.go(number)
    ended = process.end()
    assert ended.code == 0, ended.stderr
    assert held.most_at_once() == 1


@pytest.mark.one_hydra
@pytest.mark.parametrize("limit", [(), ("hydra.launcher.max_parallel=9",)], ids=["null", "a limit that is too high"])
def test_no_gpu_is_given_to_two_jobs_at_once(held: HeldJobs, limit: Sequence[str]) -> None:
    process = held.start(LOCAL, *limit, "+x=1,2,3,4", CUDA_VISIBLE_DEVICES="0,1", CORES="1")
    held.wait_for(0, 1)
    held.go(0)
    held.wait_for(0, 1, 2)
    held.go(1)
    held.wait_for(0, 1, 2, 3)
    held.go(2)
    held.go(3)
    ended = process.end()
    assert ended.code == 0, ended.stderr
    assert held.most_at_once() == 2
    used: set[str] = set()
    for word, _, _, gpu in held.said():
        assert (gpu in used) == (word == "ends")
        used ^= {gpu}
    assert ("max_parallel=9 is lowered to 2" in ended.stdout) == bool(limit)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_batch_that_is_interrupted_ends_its_jobs_and_says_so(held: HeldJobs, name: str) -> None:
    process = held.start(LOCAL, TWO, "+x=1,2,3,4")
    held.wait_for(0, 1)
    held.go(0)
    held.wait_for(0, 1, 2)
    ids = [job_id for job_id, number in zip(held.job_ids(), held.begun(), strict=True) if number != 0]
    os.killpg(process.pid, signal.Signals[name])
    ended = process.end()
    assert held.still_running() == []
    assert sorted(held.begun()) == [0, 1, 2]
    assert ended.code == -signal.Signals[name]
    said = re.search(
        r"interrupted: cancelling these jobs: (.*); of 4 jobs 1 had ended and 1 had not begun", ended.stderr
    )
    assert said, ended.stderr
    assert sorted(said.group(1).split(", ")) == sorted(ids)
    assert ("Ctrl-C again" in ended.stderr) == (name == "SIGINT")
    assert "no job is running any more" in ended.stderr


@pytest.mark.one_hydra
@pytest.mark.parametrize("names", [("SIGINT", "SIGTERM"), ("SIGTERM", "SIGHUP"), ("SIGHUP", "SIGTERM")])
def test_two_signals_at_once_end_the_jobs_as_one_does(held: HeldJobs, names: tuple[str, str]) -> None:
    process = held.start(LOCAL, TWO, "+x=1,2")
    held.wait_for(0, 1)
    for name in names:
        os.kill(process.pid, signal.Signals[name])
    ended = process.end()
    assert "interrupted: cancelling these jobs: " in ended.stderr
    assert "no job is running any more" in ended.stderr
    assert held.still_running() == []
    assert ended.code in {-signal.Signals[name] for name in names}


@pytest.mark.one_hydra
def test_who_presses_ctrl_c_again_does_not_wait_and_is_told_how_to_end_the_jobs(held: HeldJobs) -> None:
    process = held.start(LOCAL, TWO, "+x=1,2,3")
    held.wait_for(0, 1)
    (stopped, _), pids = held.job_ids(), held.still_running()
    os.kill(int(stopped), signal.SIGSTOP)  # it does not hear that it was cancelled
    os.killpg(process.pid, signal.SIGINT)
    wait_until(lambda: "Ctrl-C again" in process.errors.read_text(), "the first Ctrl-C to be heard")
    os.killpg(process.pid, signal.SIGINT)
    ended = process.end()
    assert ended.code == -signal.SIGINT
    said = re.search(r"not waited for: these jobs may still run: (.*) \(end them with: (.*)\)", ended.stderr)
    assert said, ended.stderr
    assert stopped in said.group(1).split(", ")
    subprocess.run(said.group(2), shell=True, check=False)
    wait_until_none_is_left(lambda: [pid for pid in pids if pid in held.still_running()], 30)


def test_a_job_that_cannot_be_submitted_does_not_leave_the_others_running_without_a_word(held: HeldJobs) -> None:
    in_the_way = held.project / "swept/.submitit/2"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("not a folder")
    process = held.start(LOCAL, TWO, "+x=1,2,3,4")
    held.wait_for(0, 1)
    ids = held.job_ids()
    held.go(0)
    ended = process.end()
    assert held.still_running() == []
    assert ended.code == 1
    assert "FileExistsError" in ended.stderr
    assert (
        f"cancelling these jobs: {ids[held.begun().index(1)]}; of 4 jobs 1 had ended and 2 had not begun"
        in ended.stderr
    )
    assert "no job is running any more" in ended.stderr


@pytest.mark.parametrize("launcher", ["async_local", "async_slurm"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "true"])
def test_a_wrong_limit_is_found_before_any_job(held: HeldJobs, launcher: str, value: str) -> None:
    ended = held.start(f"hydra/launcher={launcher}", f"hydra.launcher.max_parallel={value}", "+x=1,2").end()
    assert ended.code == 2
    # Hydra 1.4 warns of the application above it.
    assert re.fullmatch(
        r"hydra/launcher=\w+: hydra\.launcher\.max_parallel: must be a whole number of at least 1, or null, got .*",
        ended.stderr.splitlines()[-1],
    )
    assert "Traceback" not in ended.stderr
    assert held.begun() == []


def test_results_come_in_the_order_of_the_jobs_and_a_later_batch_counts_on(tmp_path: Path) -> None:
    def task(config: Any) -> str:
        # The first job ends only after the second, and both before the third.
        while config.name == "a" and not (folder / "b").exists():
            time.sleep(0.02)
        (folder / config.name).touch()
        return str(config.name)

    folder = tmp_path
    launcher = open_launcher(tmp_path, "async_local", task, TWO)
    first = launcher.launch([[f"+name={name}"] for name in "abc"], initial_job_idx=0)
    later = launcher.launch([[f"+name={name}"] for name in "de"], initial_job_idx=3)
    assert [job.return_value for job in (*first, *later)] == list("abcde")
    assert sorted(path.name for path in (tmp_path / "sweep/.submitit").iterdir()) == list("01234")


@pytest.mark.one_hydra
@pytest.mark.parametrize("method", ["state", "job_return"])
def test_a_file_system_that_fails_for_a_moment_ends_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    failed: list[str] = []
    real = getattr(LocalHandle, method)

    def stale_at_first(handle: LocalHandle) -> Any:
        if failed.count(handle.job.job_id) < 2:
            failed.append(handle.job.job_id)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(handle)

    monkeypatch.setattr(LocalHandle, method, stale_at_first)
    launcher = open_launcher(tmp_path, "async_local", lambda config: config.x, TWO)
    jobs = launcher.launch([["+x=1"], ["+x=2"]], initial_job_idx=0)
    assert [job.return_value for job in jobs] == [1, 2]
    assert len(failed) == 4


@pytest.mark.one_hydra
@pytest.mark.parametrize("number", [errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE])
def test_a_result_that_cannot_be_read_for_a_moment_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    failed: list[Path] = []
    real = Path.read_bytes

    def fails_at_first(path: Path) -> bytes:
        if path.name.endswith("_result.pkl") and path not in failed:
            failed.append(path)
            raise OSError(number, os.strerror(number))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", fails_at_first)
    launcher = open_launcher(tmp_path, "async_local", lambda config: config.x)
    (job,) = launcher.launch([["+x=1"]], initial_job_idx=0)
    assert (job.return_value, len(failed)) == (1, 1)


@pytest.mark.one_hydra
@pytest.mark.parametrize(
    "refusal",
    [
        OSError("Slurm did not take a job: unable to contact slurm controller"),
        OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)),
    ],
    ids=str,
)
def test_a_submission_that_fails_for_a_moment_ends_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: OSError
) -> None:
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.01)
    launcher = open_launcher(tmp_path, "async_local", lambda config: config.x)
    asked: list[int] = []

    def submit(requests: Sequence[JobRequest]) -> Any:
        asked.extend(request.trial for request in requests)
        if asked.count(1) == 1 and requests[0].trial == 1:
            raise refusal
        return launcher.submit(requests)

    requests = [JobRequest(trial, (f"+x={trial}",)) for trial in range(3)]
    jobs = batch.Batch(requests, submit, launcher.cancel_command, limit=1).run()
    assert [job.return_value for job in jobs] == [0, 1, 2]
    assert asked == [0, 1, 1, 2]


@pytest.mark.one_hydra
def test_however_often_a_submission_is_refused_a_running_job_is_not_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(refusals, "MOST_REFUSALS", 2)
    go = tmp_path / "go"

    def task(config: Any) -> Any:
        while config.x == 1 and not go.exists():
            time.sleep(0.05)
        return config.x

    launcher = open_launcher(tmp_path, "async_local", task)
    refused: list[int] = []

    def submit(requests: Sequence[JobRequest]) -> Any:
        if requests[0].trial == 2 and not go.exists():
            refused.append(2)
            if len(refused) == 4:
                go.touch()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return launcher.submit(requests)

    requests = [JobRequest(trial, (f"+x={trial}",)) for trial in range(3)]
    jobs = batch.Batch(requests, submit, launcher.cancel_command, limit=2).run()
    assert ([job.return_value for job in jobs], len(refused)) == ([0, 1, 2], 4)


@pytest.mark.one_hydra
def test_jobs_that_do_not_end_are_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch, "_GONE_S", 0.2)
    folder = tmp_path

    def task(config: Any) -> None:
        if config.x == 0:
            (folder / "begun").touch()
            time.sleep(600)

    launcher = open_launcher(tmp_path, "async_local", task)
    ids: list[str] = []

    def submit(requests: Sequence[JobRequest]) -> Any:
        if ids:
            wait_until((folder / "begun").exists, "the first job to begin")
            os.kill(int(ids[0]), signal.SIGSTOP)  # it does not hear that it was cancelled
            raise RuntimeError("no more")
        handles = launcher.submit(requests)
        ids.extend(handle.job.job_id for handle in handles)
        return handles

    requests = [JobRequest(trial, (f"+x={trial}",)) for trial in range(3)]
    try:
        with pytest.raises(RuntimeError, match="no more"):
            batch.Batch(requests, submit, launcher.cancel_command, limit=2).run()
        said = capsys.readouterr().err
        assert (
            f"RuntimeError: no more: cancelling these jobs: {ids[0]}; of 3 jobs 1 had ended and 1 had not begun" in said
        )
        assert f"not gone after 0.2 s: these jobs may still run: {ids[0]} (end them with: kill -9 -{ids[0]})" in said
    finally:
        os.killpg(int(ids[0]), signal.SIGKILL)


@pytest.mark.one_hydra
def test_a_cgroup_limits_the_cores_also_where_its_parent_does(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    job = tmp_path / "fs/slice/job"
    job.mkdir(parents=True)
    membership.write_text("0::/slice/job\n")
    assert cgroup_quota(membership, tmp_path / "fs") is None
    (job / "cpu.max").write_text("max 100000\n")
    assert cgroup_quota(membership, tmp_path / "fs") is None
    (job.parent / "cpu.max").write_text("250000 100000\n")
    assert cgroup_quota(membership, tmp_path / "fs") == 2.5


@pytest.mark.one_hydra
def test_the_first_version_of_cgroups_limits_the_cores_as_well(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    # In a container the path is that of the host, which is not seen there.
    membership.write_text("3:cpuset:/x\n2:cpu,cpuacct:/docker/1234\n1:name=systemd:/\n")
    group = tmp_path / "fs/cpu,cpuacct"
    group.mkdir(parents=True)
    (group / "cpu.cfs_period_us").write_text("100000\n")
    (group / "cpu.cfs_quota_us").write_text("-1\n")
    assert cgroup_quota(membership, tmp_path / "fs") is None
    (group / "cpu.cfs_quota_us").write_text("150000\n")
    assert cgroup_quota(membership, tmp_path / "fs") == 1.5
