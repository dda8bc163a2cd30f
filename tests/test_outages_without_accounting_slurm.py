"""Many clusters have no accounting: then squeue and scontrol are all there is to ask."""

import os
import signal
from pathlib import Path

import pytest
from slurm.cluster import SlurmCluster
from slurm.orders import OPTIONS, Orders, sweep_of, sweep_that_is_preempted
from sweeping import run_sweep
from waiting import wait_until

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra]


def test_a_killed_sweep_finds_its_jobs_again_and_learns_how_one_of_them_ended(
    cluster_without_accounting: SlurmCluster, tmp_path: Path
) -> None:
    orders = Orders(tmp_path)
    options = (*OPTIONS, "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=3", "hydra.sweeper.retries=0")
    with sweep_of(tmp_path, *options):
        pids = {begun.trial: begun.pid for begun in orders.wait_until_begun(3)}
        wait_until(lambda: len(orders.rows(2)) == 2, "the third trial's RUNNING")
    os.kill(pids[0], signal.SIGKILL)
    # Another ends before there is a sweep again, the third when there is.
    orders.finish(1)
    wait_until(lambda: len(list(tmp_path.glob("swept/.submitit/1/*_result.pkl"))) == 1, "a result")
    before = len(orders.begun())
    orders.finish(2, 3)
    swept = run_sweep(tmp_path, *options)

    assert before == 3
    assert swept.code == 0, swept.err
    assert [trial["status"] for trial in swept.last] == ["FAILED", *["COMPLETED"] * 3]
    assert swept.last[0]["reason"].startswith("FAILED, exit code 137")
    assert sorted(begun.trial for begun in orders.begun()) == [0, 1, 2, 3]
    assert "accounting storage is disabled" in cluster_without_accounting.call("sacct").stderr


def test_the_controller_alone_says_that_a_job_was_preempted(
    cluster_without_accounting: SlurmCluster, tmp_path: Path
) -> None:
    swept = sweep_that_is_preempted(cluster_without_accounting, tmp_path, times=1, retries=0)
    (trial,) = swept.last
    assert (swept.code, trial["status"]) == (0, "COMPLETED"), (trial, swept.err)
    assert [(each["fault"], each["node"]) for each in trial["earlier"]] == [("preempted", "n1")]
