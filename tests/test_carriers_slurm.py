"""Trials that share Slurm jobs (``trials_per_job``), each in a process of its own."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from launching import open_launcher, submit, wait_for, wait_until
from slurm.cluster import SlurmCluster
from waiting import wait_for_file, wait_until_none_is_left
from waiting import wait_until as wait_for_state

from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo.trial import Fault
from ax_moo_launchers.attach import attach
from ax_moo_launchers.carriers.warm_parent import PARENT

Task = Callable[[Any], Any]

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.one_hydra,
    pytest.mark.usefixtures("slurm_cluster"),
]


def where_it_runs() -> Task:
    def task(config: Any) -> Any:
        return os.environ["SLURM_JOB_ID"], os.getpid(), os.getsid(0), config.trial

    return task


def held(folder: Path) -> Task:
    def task(config: Any) -> Any:
        (folder / f"begun-{config.trial}").write_text(str(os.getpid()))
        while not (folder / f"go-{config.trial}").exists():
            time.sleep(0.02)
        return os.environ["SLURM_JOB_ID"]

    return task


def queue() -> list[str]:
    return subprocess.check_output(["squeue", "--noheader", "--array", "--format=%i %T"], text=True).splitlines()


def opened(folder: Path, task: Task, *overrides: str) -> Any:
    launcher = open_launcher(folder, "async_slurm", task, "hydra.launcher.trials_per_job=3", *overrides)
    launcher.check()
    return launcher


def values(handles: list[JobHandle]) -> list[Any]:
    assert wait_for(handles) == [JobState.FINISHED] * len(handles), [handle.result().error for handle in handles]
    return [handle.result().value for handle in handles]


def test_a_slurm_job_runs_trials_one_after_the_other_each_in_a_session_of_its_own(tmp_path: Path) -> None:
    launcher = opened(tmp_path, where_it_runs())
    first = values(submit(launcher, 0, 1))
    assert len(list((tmp_path / "sweep/.submitit/carriers").glob("*/*_submission.sh"))) == 1  # one array
    second = values([*submit(launcher, 2), *submit(launcher, 3)])
    last = values(submit(launcher, 4))
    launcher.end_ready_jobs()

    found = [*first, *second, *last]
    assert [trial for *_, trial in found] == [0, 1, 2, 3, 4]
    assert len({job for job, *_ in found}) == 2
    assert [pid for _, pid, *_ in found] == [session for _, _, session, _ in found]
    wait_until_none_is_left(queue, seconds=30)


def pid_of(folder: Path, trial: int) -> int:
    return int(wait_for_file(folder / f"begun-{trial}"))


def carrier_of(handle: JobHandle) -> str:
    return str(vars(handle)["_carrier"])


def test_a_cancelled_trial_leaves_its_slurm_job_to_the_others(tmp_path: Path) -> None:
    launcher = opened(tmp_path, held(tmp_path))
    (running,) = submit(launcher, 0)
    pid_of(tmp_path, 0)
    wait_until(running, [JobState.RUNNING])
    running.cancel()
    assert wait_for([running]) == [JobState.LOST]
    assert (running.result().error, running.result().fault) == ("cancelled", None)
    (next_one,) = submit(launcher, 1)
    (tmp_path / "go-1").touch()
    (job,) = values([next_one])
    assert job == carrier_of(running)
    launcher.end_ready_jobs()
    wait_until_none_is_left(queue, seconds=30)


def test_a_killed_slurm_job_loses_the_trial_that_it_had_and_another_takes_those_that_wait(tmp_path: Path) -> None:
    launcher = opened(tmp_path, held(tmp_path))
    (running,) = submit(launcher, 0)
    pid_of(tmp_path, 0)
    wait_until(running, [JobState.RUNNING])
    subprocess.run(["scancel", "--signal=KILL", carrier_of(running)], check=True)
    (waiting,) = submit(launcher, 1)
    assert wait_for([running]) == [JobState.LOST]
    assert f"(Slurm job {carrier_of(running)}), no result written" in str(running.result().error)
    (tmp_path / "go-1").touch()
    (job,) = values([waiting])
    assert job != carrier_of(running)
    launcher.end_ready_jobs()


def test_a_slurm_job_that_finds_nothing_to_do_ends(tmp_path: Path) -> None:
    launcher = opened(tmp_path, where_it_runs(), "hydra.launcher.idle_s=0.5")
    (handle,) = submit(launcher, 0)
    ((*_, trial),) = values([handle])
    wait_until_none_is_left(queue, seconds=30)
    (closed,) = (tmp_path / "sweep/.submitit/carriers").glob("*/*/closed")
    assert (trial, closed.parent.name) == (0, carrier_of(handle))


def test_whoever_only_looks_at_a_trial_that_no_slurm_job_will_take_leaves_it_to_a_resume(tmp_path: Path) -> None:
    """A command may be another user's, or ask another cluster, which does not know the sweep's Slurm jobs."""
    (waiting,) = submit(opened(tmp_path, where_it_runs(), "+hydra.launcher.additional_parameters.begin=now+1hour"), 0)
    subprocess.run(["scancel", "--me"], check=True)
    wait_until_none_is_left(queue, seconds=30)
    looked_at = attach(waiting.job)
    assert looked_at.state() is JobState.LOST
    assert (looked_at.result().error, looked_at.result().fault) == ("no Slurm job has taken it", Fault.PREEMPTED)
    resumed = opened(tmp_path, where_it_runs())
    ((*_, trial),) = values([resumed.attach(waiting.job)])
    assert trial == 0
    resumed.end_ready_jobs()


def wait_until_begun_again(folder: Path, trial: int, before: int) -> None:
    path = folder / f"begun-{trial}"
    wait_for_state(lambda: path.read_text() not in ("", str(before)), f"trial {trial} to begin again")


def test_a_trial_goes_on_in_another_slurm_job_after_a_preemption(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    launcher = opened(tmp_path, held(tmp_path), "hydra.launcher.gpus_per_node=2")
    (running,) = submit(launcher, 0)
    before = pid_of(tmp_path, 0)
    wait_until(running, [JobState.RUNNING])
    preempted = carrier_of(running)
    slurm_cluster.preempt(preempted)
    wait_for_state(lambda: running.state() is JobState.PENDING, "the trial to wait again")
    wait_for_state(lambda: running.state() is JobState.RUNNING, "another Slurm job")
    wait_until_begun_again(tmp_path, 0, before)
    (tmp_path / "go-0").touch()
    assert values([running]) != [preempted]
    launcher.end_ready_jobs()


def test_a_slurm_job_that_is_requeued_runs_its_trial_again(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    launcher = opened(tmp_path, held(tmp_path))
    (first,) = submit(launcher, 0)
    (tmp_path / "go-0").touch()
    values([first])
    of_first = pid_of(tmp_path, 0)
    (running,) = submit(launcher, 1)
    before = pid_of(tmp_path, 1)
    wait_until(running, [JobState.RUNNING])
    requeued = carrier_of(running)
    subprocess.run(["scontrol", "requeue", requeued], check=True)
    slurm_cluster.let_start(requeued)
    wait_until_begun_again(tmp_path, 1, before)
    (tmp_path / "go-1").touch()
    assert values([running]) == [requeued]
    assert pid_of(tmp_path, 0) == of_first
    launcher.end_ready_jobs()


def test_a_trial_that_had_all_the_time_of_its_slurm_job_is_out_of_time_and_another_is_not(tmp_path: Path) -> None:
    launcher = opened(tmp_path, held(tmp_path), "hydra.launcher.timeout_min=5")
    (first,) = submit(launcher, 0)
    pid_of(tmp_path, 0)
    wait_until(first, [JobState.RUNNING])
    (other,) = submit(launcher, 1)
    (tmp_path / "go-1").touch()
    values([other])
    (second,) = submit(launcher, 2)
    pid_of(tmp_path, 2)
    wait_until(second, [JobState.RUNNING])
    for handle in (first, second):
        command = ["scontrol", "update", f"jobid={carrier_of(handle)}", "EndTime=now+90"]
        subprocess.run(command, check=True)
    assert wait_for([first, second], 120) == [JobState.LOST] * 2
    whole, part = first.result(), second.result()
    assert (whole.error, whole.fault) == ("time limit of 5 min reached", Fault.TIME_LIMIT)
    assert (part.error, part.fault) == (f"{whole.error}; other trials had run in its Slurm job before", Fault.PREEMPTED)
    launcher.end_ready_jobs()


def test_a_slurm_job_that_dies_before_it_takes_a_trial_costs_one_an_attempt(tmp_path: Path) -> None:
    launcher = opened(tmp_path, where_it_runs(), "hydra.launcher.setup=['exit 7']")
    handles = submit(launcher, 0, 1)
    assert wait_for(handles) == [JobState.LOST] * 2
    carriers = sorted((tmp_path / "sweep/.submitit/carriers").glob("*/*_submission.sh"))
    assert len(carriers) == 1  # one array: none of them was replaced
    first, second = (handle.result() for handle in handles)
    assert "FAILED, exit code 7: Slurm job " in str(first.error)
    assert "ended before it could begin a trial" in str(first.error)
    assert (first.fault, second.fault, first.node[:1]) == (Fault.DIED_AT_START, Fault.DIED_AT_START, "n")


def imports_and_says_how_it_began() -> Task:
    def task(config: Any) -> Any:
        import multiprocessing.managers  # noqa: F401  what a parent imports for later trials
        import sys

        from ax_moo_launchers.warm.origin import _Origin

        here = (os.getcwd(), os.getsid(0) == os.getpid(), sys.orig_argv[1:5], sorted(os.environ))
        return _Origin.modules is not None, os.getppid(), here

    return task


def test_later_trials_of_a_slurm_job_are_forks_that_see_what_the_first_one_saw(tmp_path: Path) -> None:
    launcher = opened(tmp_path, imports_and_says_how_it_began(), "hydra.launcher.trials_per_job=4")
    found = [values(submit(launcher, trial))[0] for trial in range(2)]
    for process in parents(tmp_path):
        process.kill()
    found += [values(submit(launcher, trial))[0] for trial in (2, 3)]

    assert [is_fork for is_fork, *_ in found] == [False, True, False, True]
    assert len({parent for _, parent, _ in found}) == 1
    assert found[0][2] == found[1][2] == found[2][2] == found[3][2]
    (log,) = (tmp_path / "sweep/.submitit/carriers").glob("*/*_log.out")
    assert log.read_text().count("A trial starts cold: their parent process does not answer") == 1
    wait_until_none_is_left(queue, seconds=30)
    assert parents(tmp_path) == []


def imports_and_says_whether_it_is_a_fork_and_has_a_module() -> Task:
    def task(config: Any) -> Any:
        import multiprocessing.managers  # noqa: F401
        import sys

        from ax_moo_launchers.warm.origin import _Origin

        return _Origin.modules is not None, "own_one" in sys.modules

    return task


def test_the_first_trial_of_the_next_sweep_is_a_fork_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "own_one.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for sweep in ("first", "second"):
        preload = "hydra.launcher.preload=[own_one]"
        launcher = opened(tmp_path / sweep, imports_and_says_whether_it_is_a_fork_and_has_a_module(), preload)
        found += values(submit(launcher, 0))
        launcher.close()
        launcher.end_ready_jobs()
    assert found == [(False, False), (True, True)]
    wait_until_none_is_left(queue, seconds=30)


def parents(folder: Path) -> list[psutil.Process]:
    """The processes of which trials of the sweep in this folder are forks."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if PARENT in words and any(str(folder) in word for word in words):
            found.append(process)
    return found
