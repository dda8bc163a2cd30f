"""A node of a real cluster that eats every job which Slurm gives it."""

import subprocess
from pathlib import Path

import pytest
from ax_moo_command import ax_moo, facts
from launching import open_launcher, wait_for
from slurm.cluster import SlurmCluster
from sweeping import run_sweep, write_app

from ax_moo.jobs.launcher import JobRequest, JobState
from ax_moo_launchers.slurm import additional, excluding

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra]

APP = """
import os

import hydra


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    if os.environ["SLURMD_NODENAME"] == "n1":
        os._exit(7)
    return config.x


if __name__ == "__main__":
    main()
"""
LINE = "2 jobs were lost on node n1 (FAILED, exit code 7, no result written); later jobs avoid it until"


def test_later_jobs_run_on_another_node(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    slurm_cluster.free_nodes()  # the jobs go to the first node
    write_app(tmp_path, APP)
    size = ("hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "hydra.sweeper.method=sobol")
    swept = run_sweep(tmp_path, "hydra/launcher=async_slurm", "+x=interval(0,1)", *size)

    assert (swept.code, [trial["status"] for trial in swept.last]) == (0, ["COMPLETED"] * 4), swept.err
    assert [[lost["node"] for lost in trial.get("earlier", [])] for trial in swept.last] == [["n1"], ["n1"], [], []]
    for trial in swept.last:
        job = subprocess.check_output(["scontrol", "show", "job", trial["job"]["job_id"]], text=True)
        assert "ExcNodeList=n1" in job
    assert swept.out.count(LINE) == 1
    said = ax_moo("status", swept.folder).out.replace("\n", " ")
    assert LINE.replace("later jobs avoid it until", "jobs avoid it if the sweep goes on before") in said
    (node,) = facts(swept.folder)["avoided_nodes"]
    assert (node["node"], node["losses"]) == ("n1", 2)


@pytest.mark.parametrize("exclude", [("n1", "n2"), ("n2", "gone", "n1")])
def test_of_all_nodes_the_first_is_used_again(
    tmp_path: Path, slurm_cluster: SlurmCluster, exclude: tuple[str, ...]
) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", lambda config: 7)
    (handle,) = launcher.submit([JobRequest(0, (), exclude=exclude)])
    assert wait_for([handle], 60) == [JobState.FINISHED]
    assert f"ExcNodeList={exclude[-1]}\n" in slurm_cluster.call("scontrol", "show", "job", handle.job.job_id).stdout


@pytest.mark.usefixtures("slurm_cluster")
def test_nodes_that_the_user_excludes_as_a_range_are_not_left_for_a_job() -> None:
    assert excluding.worth_excluding(("n2",), {"exclude": "n[1-1]"}) == ()
    assert excluding.worth_excluding(("n2",), {"exclude": None}) == ("n2",)


def test_the_partition_is_that_of_the_users_variable_which_goes_before_the_script(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "urgent")
    assert additional.chosen({"partition": "gpu"}, "partition") == "urgent"
    assert additional.chosen({"exclude": "n1", "additional_parameters": {"exclude": "n2"}}, "exclude") == "n2"
