"""`python app.py -m hydra/sweeper=ax_moo` on a real Slurm cluster of two nodes with two GPUs each."""

import json
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from slurm.cluster import SlurmCluster
from sweeping import NEAR_AND_FAR, Swept, most_at_once, run_sweep, write_app

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.usefixtures("slurm_cluster"),
]

APP = """
import json
import os
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> dict[str, float]:
    begin = time.time()
    begun = Path(hydra.utils.get_original_cwd(), "begun")
    begun.mkdir(exist_ok=True)
    (begun / str(HydraConfig.get().job.num)).touch()
    # The first four wait for each other, as long as that may take on a busy machine; the others overlap as they may.
    while HydraConfig.get().job.num < 4 and len(list(begun.iterdir())) < 4 and time.time() < begin + 60:
        time.sleep(0.1)
    time.sleep(1)
    facts = {key: os.environ.get(key) for key in ("CUDA_VISIBLE_DEVICES", "SLURMD_NODENAME")}
    seen = Path(hydra.utils.get_original_cwd(), "seen")
    seen.mkdir(exist_ok=True)
    (seen / f"{HydraConfig.get().job.num}.json").write_text(json.dumps({**facts, "begin": begin, "end": time.time()}))
    return {"near": config.x**2, "far": (config.x - 1) ** 2}


if __name__ == "__main__":
    main()
"""

PROBLEM = ("+x=interval(0,1)", NEAR_AND_FAR)
OPTIONS = (*PROBLEM, "hydra.sweeper.method=sobol", "hydra.sweeper.n_trials=12", "hydra.sweeper.n_jobs=4")


@pytest.fixture(scope="module", params=["async_slurm", "submitit_slurm"])
def swept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, slurm_cluster: SlurmCluster
) -> Swept:
    slurm_cluster.free_nodes()  # it takes them all
    project = write_app(tmp_path_factory.mktemp(request.param), APP)
    return run_sweep(project, f"hydra/launcher={request.param}", "hydra.launcher.gpus_per_node=1", *OPTIONS)


def job_ids(swept: Swept) -> list[str]:
    return [row["job"]["job_id"] for row in swept.last]


def seen(swept: Swept) -> list[dict[str, Any]]:
    return [json.loads((swept.project / f"seen/{trial}.json").read_text()) for trial in range(12)]


def accounting(swept: Swept) -> list[list[str]]:
    """State, allocation, begin and end by sacct, once it knows the end of all jobs."""
    command = ["sacct", "-n", "-P", "-X", "-o", "State,AllocTRES,Start,End", "-j", ",".join(job_ids(swept))]
    deadline = time.monotonic() + 90
    while True:
        rows = [line.split("|") for line in subprocess.check_output(command, text=True).splitlines()]
        if len(rows) == len(swept.last) and all(row[3] != "Unknown" for row in rows):
            return rows
        assert time.monotonic() < deadline, rows
        time.sleep(0.2)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_all_trials_complete_and_the_command_succeeds(swept: Swept) -> None:
    assert (swept.code, [row["status"] for row in swept.last]) == (0, ["COMPLETED"] * 12), swept.err


def test_slurm_counts_the_same_jobs_as_completed_with_a_gpu_each(swept: Swept) -> None:
    rows = accounting(swept)
    assert [row[0] for row in rows] == ["COMPLETED"] * 12
    assert all("gres/gpu=1" in row[1] for row in rows)


def test_trials_run_on_both_nodes_and_see_one_gpu(swept: Swept) -> None:
    assert {(row["SLURMD_NODENAME"], row["CUDA_VISIBLE_DEVICES"]) for row in seen(swept)} == {
        ("n1", "0"),
        ("n1", "1"),
        ("n2", "0"),
        ("n2", "1"),
    }


def test_four_run_at_once_and_never_more(swept: Swept) -> None:
    assert most_at_once([(row["begin"], row["end"]) for row in seen(swept)]) == 4
    assert most_at_once([(seconds(row[2]), seconds(row[3])) for row in accounting(swept)]) == 4


def test_the_first_round_is_one_array_and_so_are_later_trials_whose_slots_became_free_together(swept: Swept) -> None:
    first, rest = job_ids(swept)[:4], job_ids(swept)[4:]
    array = first[0].split("_")[0]
    assert first == [f"{array}_{task}" for task in range(4)]
    later = [job_id.split("_") for job_id in rest]
    assert all(task == [str(trial)] for trial, (_, *task) in enumerate(later, start=4) if task)
    assert array not in {job for job, *_ in later}


def test_every_trial_has_its_own_submitit_folder(swept: Swept) -> None:
    for trial, job_id in enumerate(job_ids(swept)):
        folder = swept.folder / f".submitit/{trial}"
        assert swept.last[trial]["job"]["folder"] == f".submitit/{trial}"
        assert [path.name for path in folder.glob("*_submitted.pkl")] == [f"{job_id}_submitted.pkl"]


@pytest.mark.parametrize("launcher", ["async_slurm", "submitit_slurm"])
def test_a_wrong_partition_ends_in_sbatchs_sentence_before_any_job(tmp_path: Path, launcher: str) -> None:
    project = write_app(tmp_path, APP)
    swept = run_sweep(project, f"hydra/launcher={launcher}", "hydra.launcher.partition=nonsense", *OPTIONS)
    assert swept.code == 2
    assert "invalid partition specified: nonsense" in swept.err
    assert "Traceback" not in swept.err
    assert not [path for path in swept.folder.iterdir() if path.name.isdigit()]
    assert list(swept.folder.glob(".submitit/**/*.pkl")) == []
