"""Two ranks a trial on Slurm: Lightning starts the second one, or Slurm does."""

from pathlib import Path

import pytest
from ddp import check_every_trial_has_its_own_result_once

pytestmark = [pytest.mark.one_hydra, pytest.mark.slurm, pytest.mark.usefixtures("slurm_cluster")]


@pytest.mark.parametrize("tasks", [1, 2])
def test_two_ranks_are_one_trial(tmp_path: Path, tasks: int) -> None:
    options = ("hydra/launcher=async_slurm", f"hydra.launcher.tasks_per_node={tasks}")
    check_every_trial_has_its_own_result_once(tmp_path, *options)
