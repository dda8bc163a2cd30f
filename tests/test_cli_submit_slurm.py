"""`ax-moo submit`: a sweep that is itself a job of Slurm's."""

import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ax_moo_command import Ended, ax_moo, facts
from slurm.cluster import SlurmCluster
from sweeping import NEAR_AND_FAR, write_app

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra]

APP = """
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    project = Path(hydra.utils.get_original_cwd())
    with open(project / "starts", "a") as starts:
        starts.write(f"{HydraConfig.get().job.num}\\n")
    while not (project / "go").exists():
        time.sleep(0.1)
    return {"near": config.x**2, "far": (config.x - 1) ** 2}


if __name__ == "__main__":
    main()
"""
SWEEP = (
    "hydra/sweeper=ax_moo",
    "hydra.sweeper.report=false",
    "hydra/launcher=async_slurm",
    "+x=interval(0,1)",
    NEAR_AND_FAR,
    "hydra.sweeper.method=sobol",
    "hydra.sweeper.n_trials=3",
    "hydra.sweeper.n_jobs=2",
    "hydra.sweep.dir='swept/${now:%H-%M-%S-%f}'",
)
# Slurm counts time limits in minutes, and gives notice of their end some seconds early.
SHORT_LIFE = ("--time", "1", "--signal-delay-s", "20")


@pytest.fixture
def project(tmp_path: Path, slurm_cluster: SlurmCluster) -> Iterator[Path]:
    project = write_app(tmp_path, APP)
    yield project
    (project / "go").touch()


def submit(project: Path, *options: str) -> tuple[Path, str]:
    """The sweep's folder and the id of the job that runs it."""
    ended = ax_moo("submit", *options, "--mem-gb", "0.9", "--", sys.executable, "app.py", "-m", *SWEEP, cwd=project)
    assert ended.code == 0, ended.err
    found = re.match(r"Slurm job (\d+) runs the sweep in (.*)\n", ended.out)
    assert found, ended.out
    assert f"follow it: ax-moo status --watch {found[2]}\n" in ended.out
    return Path(found[2]), found[1]


def log_of(folder: Path, job_id: str) -> str:
    files = [folder / ".submitit" / "controller" / f"{job_id}_0_log.{ending}" for ending in ("out", "err")]
    return "\n".join(file.read_text() for file in files if file.exists())


def state_of(job_id: str) -> str:
    command = ["squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job_id}"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def wait_for_state(job_id: str, states: tuple[str, ...], seconds: float = 120.0) -> str:
    deadline = time.monotonic() + seconds
    while (state := state_of(job_id)) not in states:
        assert time.monotonic() < deadline, f"job {job_id} is still {state}"
        time.sleep(0.5)
    return state


def shown(job_id: str, field: str) -> str:
    """A field of a job that has not been forgotten yet."""
    found = re.search(rf"\b{field}=(\S+)", subprocess.check_output(["scontrol", "show", "job", job_id], text=True))
    assert found
    return found[1]


def test_a_sweep_longer_than_its_job_goes_on_in_the_jobs_next_life(project: Path, slurm_cluster: SlurmCluster) -> None:
    folder, job_id = submit(project, *SHORT_LIFE)
    deadline = time.monotonic() + 420
    lives_let_start = 0
    while (state := state_of(job_id)) not in ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"):
        assert time.monotonic() < deadline, log_of(folder, job_id)
        # Once for each requeue: the job stays PENDING for a moment after it was let start.
        requeues = log_of(folder, job_id).count("Requeued job")
        if state == "PENDING" and requeues > lives_let_start:
            (project / "go").touch()
            slurm_cluster.let_start(job_id)
            lives_let_start = requeues
        time.sleep(0.5)
    assert state == "COMPLETED", log_of(folder, job_id)
    assert int(shown(job_id, "Restarts")) >= 1
    found = facts(folder)
    assert (found["state"], found["trials"]["COMPLETED"], found["retries"]) == ("finished", 3, [])
    assert Counter((project / "starts").read_text().split()) == {"0": 1, "1": 1, "2": 1}
    assert [path.name for path in (project / "swept").iterdir()] == [folder.name]


def test_stop_ends_the_sweep_and_its_job_for_good(project: Path) -> None:
    folder, job_id = submit(project)
    wait_for_state(job_id, ("RUNNING",))
    deadline = time.monotonic() + 120
    while (status := ax_moo("status", folder, "--json")).code == 2 or '"running": []' in status.out:
        assert "begin" in status.err or status.code == 0, status.err
        assert time.monotonic() < deadline, log_of(folder, job_id)
    again = ax_moo("submit", "--", sys.executable, "app.py", "-m", *SWEEP, f"hydra.sweep.dir={folder}", cwd=project)
    assert (again.code, f"a sweep runs in {folder} already" in again.err) == (2, True)
    assert ax_moo("stop", "--now", folder).out.endswith(
        f"no job is left\ngo on with the sweep: ax-moo resume {folder}\n"
    )
    assert wait_for_state(job_id, ("FAILED",)) == "FAILED"
    assert shown(job_id, "ExitCode") == "130:0"
    assert facts(folder)["state"] == "stopped"


def test_a_job_that_still_waits_is_followed_and_cancelled(project: Path) -> None:
    ended, folder, job_id = submit_held(project)
    assert (ended.code, ended.out) == (2, "")
    assert f"the sweep in {folder} begins as soon as Slurm job {job_id} runs" in ended.err
    copied = ax_moo("stop", shutil.copytree(folder, folder.with_name("copy")))
    assert (copied.code, "holds no sweep" in copied.err) == (2, True), copied
    stopped = ax_moo("stop", folder)
    assert (stopped.code, stopped.out) == (0, f"Slurm job {job_id}, which would have run the sweep, is cancelled\n")
    assert wait_for_state(job_id, ("CANCELLED",)) == "CANCELLED"


def submit_held(project: Path) -> tuple[Ended, Path, str]:
    """A job that Slurm has no room for, and what ``ax-moo status`` says of its sweep."""
    filling = ["sbatch", "--parsable", "--exclusive", "--nodes=2", "--output=/dev/null", "--wrap=sleep 300"]
    filler = subprocess.check_output(filling, text=True, cwd=project).strip()
    wait_for_state(filler, ("RUNNING",))
    try:
        folder, job_id = submit(project)
        return ax_moo("status", folder), folder, job_id
    finally:
        subprocess.run(["scontrol", "hold", job_id], check=True)
        subprocess.run(["scancel", filler], check=True)
