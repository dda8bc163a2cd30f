"""How often a launcher calls Slurm does not depend on the number of its jobs."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launching import open_launcher, submit, wait_for

from ax_moo.jobs.launcher import JobState
from ax_moo_launchers import slurm_job
from ax_moo_launchers.slurm import commands, sbatch

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra, pytest.mark.usefixtures("slurm_cluster")]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of Slurm's commands has been called."""
    found: Counter[str] = Counter()

    def counted(command: list[str], *more: Any) -> tuple[int, str, str]:
        found[command[0]] += 1
        return slurm_job.call(command, *more)

    for module in (commands, sbatch):
        monkeypatch.setattr(module, "call", counted)
    return found


def trial_of() -> Callable[[Any], Any]:
    return lambda config: config.trial


def test_one_query_asks_about_all_jobs_and_those_that_are_ready_together_are_one_submission(
    tmp_path: Path, calls: Counter[str]
) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", trial_of())
    begin = time.monotonic()
    handles = submit(launcher, *range(8))
    handles += submit(launcher, *range(8, 14))
    assert wait_for(handles, 120) == [JobState.FINISHED] * 14
    assert calls["sbatch"] == 2
    assert calls["squeue"] <= (time.monotonic() - begin) / 2 + 1
    assert calls["sacct"] <= calls["squeue"]
    assert [handle.result().value for handle in handles] == list(range(14))
