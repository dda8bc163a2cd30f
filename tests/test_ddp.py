"""Two ranks a trial, with Lightning's DDP: every trial has its own result once, also in the sweeper's own process."""

from pathlib import Path

import pytest
from ddp import check_every_trial_has_its_own_result_once

pytestmark = pytest.mark.one_hydra


@pytest.mark.parametrize("launcher", ["async_local", "basic"])
def test_two_ranks_are_one_trial(tmp_path: Path, launcher: str) -> None:
    check_every_trial_has_its_own_result_once(tmp_path, f"hydra/launcher={launcher}")
