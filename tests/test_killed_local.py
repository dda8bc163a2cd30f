"""kill -9 of a sweep with jobs on this machine, at every point of the crash table and at random moments."""

from pathlib import Path

import pytest
from killing import KILLED, Killable, check_kills_at_each_point, check_nothing_was_lost_or_run_twice, processes_of
from waiting import wait_until_none_is_left

pytestmark = pytest.mark.one_hydra


def test_killed_at_each_point_of_the_crash_table(tmp_path: Path) -> None:
    swept = Killable(tmp_path, "async_local")
    # The first round goes out as one: among its trials, and among the single ones that follow.
    check_kills_at_each_point(swept)
    wait_until_none_is_left(lambda: processes_of(swept.folder), seconds=30)


def test_killed_at_twenty_random_moments(tmp_path: Path) -> None:
    swept = Killable(tmp_path, "async_local")
    assert swept.die_at_random(20, longest_s=3.0) == [KILLED] * 20
    check_nothing_was_lost_or_run_twice(swept, swept.end())
    wait_until_none_is_left(lambda: processes_of(swept.folder), seconds=30)
