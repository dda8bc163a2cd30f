"""What a job inherits of the sweeper's environment: the settings, and nothing that says what the sweeper itself is."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from launching import open_launcher, submit, wait_for

from ax_moo.jobs import environment
from ax_moo.jobs.blocking import BlockingLauncherAdapter
from ax_moo.jobs.launcher import JobState
from ax_moo_launchers.attach import attach
from ax_moo_launchers.job_environment import handed_to_sbatch, of_local_job

ROOT = Path(__file__).parent.parent

AROUND = {
    "a W&B agent": "WANDB_RUN_ID WANDB_SWEEP_ID WANDB_RESUME WANDB_NAME WANDB_SERVICE WANDB__SERVICE WANDB_RUN_DIR",
    "another tracker": "MLFLOW_RUN_ID COMET_EXPERIMENT_KEY NEPTUNE_CUSTOM_RUN_ID CLEARML_TASK_ID",
    "an allocation": "SLURM_JOB_ID SLURM_NNODES SLURM_NODELIST SLURM_MEM_PER_NODE SLURM_CPUS_ON_NODE SLURM_GPUS"
    " SLURM_NTASKS SLURM_PROCID SLURM_ARRAY_TASK_ID SLURM_SUBMIT_DIR SLURMD_NODENAME SRUN_DEBUG SUBMITIT_FOLDER",
    "torchrun": "RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_RANK ROLE_RANK MASTER_ADDR MASTER_PORT"
    " TORCHELASTIC_RUN_ID NODE_RANK TF_CONFIG",
    "mpirun": "OMPI_COMM_WORLD_RANK OMPI_MCA_orte_hnp_uri OMPI_MCA_ess PMI_RANK PMIX_RANK MPI_LOCALRANKID",
}
SETTINGS = [
    "WANDB_PROJECT",
    "WANDB_MODE",
    "WANDB_RUN_GROUP",
    "WANDB_TAGS",
    "WANDB_API_KEY",
    "MLFLOW_TRACKING_URI",
    "SLURM_CONF",
    "SLURM_CLUSTERS",
    "SLURM_JWT",
    "SBATCH_ACCOUNT",
    "SUBMITIT_PREEMPT_SIGNAL",
    "OMPI_MCA_btl",
    "PMIX_MCA_gds",
    "OMP_NUM_THREADS",
    "NCCL_DEBUG",
    "RANKING",
    "PL_GLOBAL_SEED",
    "TORCH_HOME",
]


def names(around: str) -> list[str]:
    return AROUND[around].split()


ALL = [name for around in AROUND for name in names(around)]


@pytest.mark.parametrize("around", AROUND)
def test_no_job_takes_itself_for_what_is_around_the_sweep(around: str) -> None:
    environ = dict.fromkeys(names(around), "4")
    assert of_local_job(environ).keys() & environ.keys() == set()
    assert handed_to_sbatch(environ) == {}


def test_a_job_inherits_settings() -> None:
    environ = dict.fromkeys(SETTINGS, "4")
    assert {key: value for key, value in of_local_job(environ).items() if key in environ} == environ
    assert handed_to_sbatch(environ) == environ


def test_a_job_does_not_inherit_what_the_sweeps_libraries_set_for_their_own_process() -> None:
    """Otherwise the first jobs would have another environment than those that start after Ax was imported."""
    later = {"KMP_SET_WHEN_ALL_WAS_IMPORTED": "FALSE"}
    assert handed_to_sbatch(later) == {}
    assert of_local_job(later).keys() & later.keys() == set()


def test_gpus_of_the_sweeps_own_allocation_are_not_asked_for_on_another_node() -> None:
    masked = {"CUDA_VISIBLE_DEVICES": "1", "SLURM_JOB_ID": "7"}
    assert handed_to_sbatch(masked) == {}
    assert of_local_job(masked)["CUDA_VISIBLE_DEVICES"] == "1"


def test_the_manual_names_every_variable_that_a_job_does_not_inherit_and_no_other() -> None:
    manual = (ROOT / "docs" / "launchers.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| a job does not inherit \|.*\n\|.*\n((?:\|.*\n)+)", manual, flags=re.MULTILINE)
    rows = [set(re.findall(r"`([^`]+)`", row.split("|")[1])) for row in table.splitlines()]
    excepted = [set(re.findall(r"`([^`]+)`", row.split("|")[2])) for row in table.splitlines()]
    assert rows == [set(group.names) for group in environment.NOT_INHERITED]
    assert excepted == [set(group.but) for group in environment.NOT_INHERITED]


def seen(variables: list[str]) -> Callable[[Any], Any]:
    """A nested function, so that the job gets it by value and does not import pytest."""

    def task(config: Any) -> Any:
        return {name: os.environ[name] for name in variables if name in os.environ}

    return task


@pytest.fixture
def surrounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ALL:
        monkeypatch.setenv(name, "4")
    monkeypatch.setenv("WANDB_PROJECT", "mine")


@pytest.mark.usefixtures("surrounded")
def test_a_local_job_sees_none_of_it(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", seen([*ALL, "WANDB_PROJECT"])), 0)
    wait_for([handle])
    assert handle.result().value == {"WANDB_PROJECT": "mine", "SUBMITIT_FOLDER": handle.job.folder}


@pytest.mark.slurm
@pytest.mark.usefixtures("slurm_cluster", "surrounded")
def test_a_slurm_job_sees_its_own_allocation_only(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_slurm", seen([*ALL, "WANDB_PROJECT"])), 0)
    assert wait_for([handle]) == [JobState.FINISHED]
    found = handle.result().value
    assert found["SLURM_JOB_ID"] == handle.job.job_id
    assert found["SLURM_NNODES"] == "1"
    assert found["WANDB_PROJECT"] == "mine"
    assert [
        name for name in found if not name.startswith(("SLURM", "SRUN_", "SUBMITIT_", "WANDB_PROJECT", "PMI"))
    ] == []


@pytest.mark.usefixtures("surrounded")
def test_a_trial_in_the_sweepers_own_process_is_no_run_of_another_and_has_the_rest(tmp_path: Path) -> None:
    """The sweeper's process is what the user started: its ranks and its allocation are true of it."""
    trackers = [*names("a W&B agent"), *names("another tracker")]
    rounds = BlockingLauncherAdapter(
        open_launcher(tmp_path, "basic", seen([*trackers, "RANK", "SLURM_JOB_ID"])), attach
    )
    (handle,) = submit(rounds, 0)
    wait_for([handle])
    assert handle.result().value == {"RANK": "4", "SLURM_JOB_ID": "4"}
    assert os.environ["WANDB_RUN_ID"] == "4", "the sweeper itself is the agent's run, as before"


def test_a_trial_in_the_sweepers_process_is_not_disturbed_by_a_thread_that_imports_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half_imported = ModuleType("torch.distributed")
    vars(half_imported)["is_available"] = lambda: True
    monkeypatch.setitem(sys.modules, "torch.distributed", half_imported)
    with environment.of_one_trial(is_last=False):
        pass
