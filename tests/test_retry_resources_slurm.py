"""What the next attempt is given on a real cluster after one that ran out of it."""

import csv
from pathlib import Path

import pytest
from ax_moo_command import facts
from launching import open_launcher, wait_for
from slurm.cluster import SlurmCluster
from slurm.orders import OPTIONS, Orders, sweep_of
from sweeping import wait_for_sweep

from ax_moo.jobs.launcher import JobRequest, JobState
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Fault

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra]


def test_a_trial_that_ran_out_of_memory_completes_with_more(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    orders = Orders(tmp_path)
    size = ("hydra.sweeper.n_trials=1", "hydra.sweeper.n_jobs=1")
    more = ("hydra.launcher.mem_gb=0.5", "hydra.launcher.retry_resources={mem_gb: 4, timeout_min: 2}")
    with sweep_of(tmp_path, *OPTIONS, *size, *more, "+seconds=0") as sweep:
        orders.hog(0)
        swept = wait_for_sweep(tmp_path, sweep)

    (trial,) = swept.last
    assert (swept.code, trial["status"]) == (0, "COMPLETED"), (trial, swept.err)
    (lost,) = trial["earlier"]
    assert lost["fault"] == "out of memory"
    assert [each["job"]["request"] for each in (lost, trial)] == [
        {"mem_gb": 0.5, "timeout_min": 60},
        {"mem_gb": 2, "timeout_min": 60},
    ]
    assert "mem=2G" in slurm_cluster.call("scontrol", "show", "job", trial["job"]["job_id"]).stdout
    with (swept.folder / "trials.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["attempt"], float(row["requested_mem_gb"])) == ("2", 2)
    assert facts(swept.folder)["retries"][0]["request"] == {"mem_gb": 0.5, "timeout_min": 60}


@pytest.mark.parametrize(("timeout_min", "limit"), [(3, "00:12:00"), (40, "01:00:00")])
def test_more_time_comes_up_to_the_limit_of_the_partition(
    tmp_path: Path, slurm_cluster: SlurmCluster, timeout_min: int, limit: str
) -> None:
    options = (f"hydra.launcher.timeout_min={timeout_min}", "hydra.launcher.retry_resources={timeout_min: 2}")
    launcher = open_launcher(tmp_path, "async_slurm", lambda config: 7, *options)
    request = JobRequest(0, (), 3, faults=(Fault.TIME_LIMIT,) * 2)
    (handle,) = launcher.submit([request])
    found = open_launcher(tmp_path, "async_slurm", lambda config: 7, *options).find(request)
    assert (found.job, found.job.request) == (handle.job, {"timeout_min": min(60, 4 * timeout_min)})
    assert wait_for([handle], 60) == [JobState.FINISHED]
    assert f"TimeLimit={limit}" in slurm_cluster.call("scontrol", "show", "job", handle.job.job_id).stdout


def test_a_resource_that_is_not_set_has_no_factor(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    factors = "hydra.launcher.retry_resources={mem_gb: 2}"
    with pytest.raises(ConfigError, match=r"retry_resources\.mem_gb: needs a value to multiply"):
        open_launcher(tmp_path, "async_slurm", lambda config: 7, factors).check()
