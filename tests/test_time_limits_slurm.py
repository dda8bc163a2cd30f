"""Why a Slurm job is told to end: its time is over, or it has to make room, which is nobody's fault."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launching import open_launcher, submit, wait_for
from slurm.cluster import SlurmCluster
from waiting import wait_for_file

from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo.trial import Fault

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra]


def second_life(folder: Path) -> Callable[[Any], str]:
    def task(config: Any) -> str:
        if os.environ.get("SLURM_RESTART_COUNT", "0") != "0":
            return "second life"
        (folder / "ready").write_text("yes")
        time.sleep(120)
        return "first life"

    return task


def begun(folder: Path, *options: str) -> JobHandle:
    (handle,) = submit(open_launcher(folder, "async_slurm", second_life(folder), *options), 0)
    wait_for_file(folder / "ready")
    return handle


def preempt(cluster: SlurmCluster, job_id: str) -> None:
    cluster.preempt(job_id)


def send_signal(cluster: SlurmCluster, job_id: str) -> None:
    cluster.call("scancel", "--signal=USR2", job_id).check_returncode()


@pytest.mark.parametrize("tell", [preempt, send_signal])
@pytest.mark.parametrize("limit", ["5", "40"])
def test_a_job_that_has_to_make_room_is_requeued_however_short_its_limit_is(
    tmp_path: Path, slurm_cluster: SlurmCluster, tell: Callable[[SlurmCluster, str], None], limit: str
) -> None:
    handle = begun(tmp_path, f"hydra.launcher.timeout_min={limit}", "hydra.launcher.gpus_per_node=1")
    tell(slurm_cluster, handle.job.job_id)
    slurm_cluster.let_start(handle.job.job_id)
    assert wait_for([handle], 60) == [JobState.FINISHED]
    assert (handle.result().value, handle.result().error) == ("second life", None)


@pytest.mark.parametrize(("limit", "reason"), [("40", "time limit of 40 min reached"), ("null", "time limit reached")])
def test_a_job_whose_time_is_over_is_not_requeued_whatever_limit_it_asked_for(
    tmp_path: Path, slurm_cluster: SlurmCluster, limit: str, reason: str
) -> None:
    """A limit may be the partition's, or that of a variable, or may have been changed."""
    handle = begun(tmp_path, f"hydra.launcher.timeout_min={limit}")
    slurm_cluster.call("scontrol", "update", f"jobid={handle.job.job_id}", "timelimit=2").check_returncode()
    assert wait_for([handle], 90) == [JobState.LOST]
    assert (handle.result().error, handle.result().fault) == (reason, Fault.TIME_LIMIT)
