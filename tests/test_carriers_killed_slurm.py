"""24 trials that share Slurm jobs, six each, while the sweeper and these jobs are killed."""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ax_moo_command import ax_moo
from killing import Killable, check_kills_at_each_point
from slurm.orders import OPTIONS, Orders, rows
from sweeping import Swept, start_sweep, wait_for_sweep
from waiting import wait_until, wait_until_none_is_left

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.one_hydra,
    pytest.mark.usefixtures("slurm_cluster"),
]

TRIALS = 24
TO_KILL, TO_TIME_OUT = 5, 11
SLOTS, EACH_TAKES, LIVES = 4, 6, 4
SIZE = (f"hydra.sweeper.n_trials={TRIALS}", f"hydra.sweeper.n_jobs={SLOTS}", "hydra.sweeper.retries=1")
SHARED = (f"hydra.launcher.trials_per_job={EACH_TAKES}", "hydra.launcher.signal_delay_s=0")


class Sweeps:
    """The lives of one sweep."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.orders = Orders(project)

    def kill_when_begun(self, trial: int) -> None:
        sweep = start_sweep(self.project, *OPTIONS, *SIZE, *SHARED)
        wait_until(lambda: trial in self.begun(), f"trial {trial} to begin; {self.begun()}")
        self._end_carrier(trial)
        os.kill(sweep.pid, signal.SIGKILL)
        sweep.communicate(timeout=60)
        (pid,) = (each.pid for each in self.orders.begun() if each.trial == trial)
        wait_until(lambda: not psutil.pid_exists(pid), f"the end of trial {trial}")

    def _end_carrier(self, trial: int) -> None:
        if trial == TO_KILL:
            subprocess.run(["scancel", "--signal=KILL", self.carrier_of(trial)], check=True)
        elif trial == TO_TIME_OUT:
            end = [f"jobid={self.carrier_of(trial)}", "EndTime=now+1"]
            subprocess.run(["scontrol", "update", *end], check=True)

    def end(self) -> Swept:
        return wait_for_sweep(self.project, start_sweep(self.project, *OPTIONS, *SIZE, *SHARED))

    def begun(self) -> Counter[int]:
        return Counter(each.trial for each in self.orders.begun())

    def carrier_of(self, trial: int, attempt: str = "") -> str:
        (claim,) = (self.project / "swept/.submitit" / str(trial) / attempt).glob("*_claim.json")
        return str(json.loads(claim.read_text())["carrier"])

    def carriers(self) -> set[str]:
        claims = (self.project / "swept/.submitit").rglob("*_claim.json")
        return {json.loads(claim.read_text())["carrier"] for claim in claims}


def states(jobs: set[str]) -> Iterator[str]:
    command = ["sacct", "--noheader", "--parsable2", "--allocations", "--format=State", f"--jobs={','.join(jobs)}"]
    return (line.split()[0] for line in subprocess.check_output(command, text=True).splitlines())


def queue() -> list[str]:
    return subprocess.check_output(["squeue", "--noheader", "--array", "--format=%i %T"], text=True).splitlines()


def test_each_of_24_trials_completes_once_whatever_is_killed(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path)
    sweeps.orders.finish(*(trial for trial in range(TRIALS) if trial not in (TO_KILL, TO_TIME_OUT)))
    sweeps.kill_when_begun(1)
    sweeps.kill_when_begun(TO_KILL)
    sweeps.orders.finish(TO_KILL)
    sweeps.kill_when_begun(TO_TIME_OUT)
    sweeps.orders.finish(TO_TIME_OUT)
    swept = sweeps.end()

    assert swept.code == 0, swept.err
    assert Counter(row["status"] for row in swept.last) == {"COMPLETED": TRIALS}
    retried = {TO_KILL: 2, TO_TIME_OUT: 2}
    assert {row["trial"]: row["attempt"] for row in swept.last} == {**dict.fromkeys(range(TRIALS), 1), **retried}
    assert sweeps.begun() == {row["trial"]: row["attempt"] for row in swept.last}
    assert Counter(row["trial"] for row in swept.in_state("COMPLETED")) == dict.fromkeys(range(TRIALS), 1)
    # At worst a life of the sweeper finds no job of the one before, and submits one for each of its slots.
    assert TRIALS / EACH_TAKES <= len(sweeps.carriers()) <= SLOTS * LIVES < TRIALS
    assert {"COMPLETED", "TIMEOUT"} < set(states(sweeps.carriers()))
    wait_until_none_is_left(queue, seconds=30)


def test_killed_at_each_point_of_the_crash_table(tmp_path: Path) -> None:
    check_kills_at_each_point(Killable(tmp_path, "async_slurm", "hydra.launcher.trials_per_job=4"))
    wait_until_none_is_left(queue, seconds=30)


def test_stop_now_ends_the_trials_and_the_slurm_jobs_that_a_killed_sweeper_has_left(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path)
    sweeps.orders.finish(0)
    sweep = start_sweep(tmp_path, *OPTIONS, *SIZE, *SHARED)
    wait_until(lambda: {0, 1, 2} <= sweeps.begun().keys(), "three trials to begin")
    os.kill(sweep.pid, signal.SIGKILL)
    sweep.communicate(timeout=60)
    ended = ax_moo("stop", "--now", tmp_path / "swept")
    assert ended.code == 0, ended.err
    wait_until_none_is_left(queue, seconds=30)
    assert not any(psutil.pid_exists(each.pid) for each in sweeps.orders.begun())
    assert rows(tmp_path, 1)[-1]["status"] == "STAGED"


def test_a_trial_that_takes_too_much_memory_gets_more_in_a_slurm_job_of_its_own(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    size = ("hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1", "hydra.launcher.mem_gb=0.5")
    more = ("hydra.launcher.trials_per_job=2", "hydra.launcher.retry_resources={mem_gb: 4}", "+seconds=0")
    orders.hog(0)
    orders.finish(1)
    swept = wait_for_sweep(tmp_path, start_sweep(tmp_path, *OPTIONS, *size, *more))

    assert [row["status"] for row in swept.last] == ["COMPLETED"] * 2, swept.err
    first, second = swept.last
    (lost,) = first["earlier"]
    assert (lost["fault"], lost["job"]["request"]) == ("out of memory", {"mem_gb": 0.5})
    assert (first["job"]["job_id"].isdecimal(), first["job"]["request"]) == (True, {"mem_gb": 2})
    assert second["job"]["job_id"].startswith("w-")
