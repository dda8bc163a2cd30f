"""`python app.py -m hydra/launcher=async_slurm` under Hydra's own sweeper, which waits for the whole batch."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from held_jobs import HeldJobs

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm_cluster"), pytest.mark.one_hydra]

SLURM = "hydra/launcher=async_slurm"


@pytest.fixture
def held(tmp_path: Path) -> Iterator[HeldJobs]:
    jobs = HeldJobs(tmp_path)
    yield jobs
    jobs.end()


def test_a_limit_holds_on_slurm_as_well_and_ctrl_c_cancels_what_was_submitted(held: HeldJobs) -> None:
    process = held.start(SLURM, "hydra.launcher.max_parallel=2", "+x=1,2,3,4")
    held.wait_for(0, 1)
    held.go(0)
    held.wait_for(0, 1, 2)
    assert held.most_at_once() == 2
    os.killpg(process.pid, signal.SIGINT)
    ended = process.end()
    assert ended.code == -signal.SIGINT
    said = re.search(r"cancelling these jobs: (.*); of 4 jobs 1 had ended and 1 had not begun", ended.stderr)
    assert said, ended.stderr
    assert len(said.group(1).split(", ")) == 2
    assert "no job is running any more" in ended.stderr
    assert held.still_running() == []
    assert sorted(held.begun()) == [0, 1, 2]
    assert _in_queue(said.group(1).split(", ")) == ""


def test_without_a_limit_all_jobs_are_submitted_at_once_and_sigterm_cancels_them(held: HeldJobs) -> None:
    process = held.start(SLURM, "+x=1,2,3,4")
    held.wait_for(0, 1, 2, 3)
    os.kill(process.pid, signal.SIGTERM)
    ended = process.end()
    assert ended.code == -signal.SIGTERM
    assert "of 4 jobs 0 had ended and 0 had not begun" in ended.stderr
    assert "no job is running any more" in ended.stderr
    assert held.still_running() == []


def _in_queue(job_ids: list[str]) -> str:
    command = ["squeue", "--noheader", "--states=PENDING,RUNNING", f"--jobs={','.join(job_ids)}"]
    return subprocess.run(command, capture_output=True, text=True).stdout
