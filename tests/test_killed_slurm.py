"""kill -9 of a sweep with Slurm jobs, at every point of the crash table and at random moments."""

import subprocess
from pathlib import Path

import pytest
from killing import KILLED, Killable, check_kills_at_each_point, check_nothing_was_lost_or_run_twice
from waiting import wait_until_none_is_left

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.one_hydra,
    pytest.mark.usefixtures("slurm_cluster"),
]


def queue() -> list[str]:
    return subprocess.check_output(["squeue", "--noheader", "--format=%i %T %o"], text=True).splitlines()


def test_killed_at_each_point_of_the_crash_table(tmp_path: Path) -> None:
    swept = Killable(tmp_path, "async_slurm")
    # The first round is an array, of which the first half is published when the sweep is killed; the rest are jobs.
    check_kills_at_each_point(swept)
    wait_until_none_is_left(queue, seconds=30)


def test_killed_at_twenty_random_moments(tmp_path: Path) -> None:
    swept = Killable(tmp_path, "async_slurm")
    assert swept.die_at_random(20, longest_s=3.0) == [KILLED] * 20
    check_nothing_was_lost_or_run_twice(swept, swept.end())
    wait_until_none_is_left(queue, seconds=30)
