"""Rounds of a launcher that blocks, such as joblib's, when the process of one of its jobs dies."""

from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace
from typing import Any

from launching import submit, wait_for

from ax_moo.jobs.blocking import BlockingLauncherAdapter
from ax_moo.jobs.launcher import JobState
from ax_moo_launchers.attach import attach

DIES = 1


class Pool:
    """As loky's workers: if one dies, the results of all are gone, and nobody says which one it was."""

    def __init__(self) -> None:
        self.launched: list[list[int]] = []

    def launch(self, job_overrides: Any, initial_job_idx: int) -> Any:
        trials = [initial_job_idx + position for position in range(len(job_overrides))]
        self.launched.append(trials)
        if DIES in trials:
            raise BrokenProcessPool("a worker was terminated")
        completed = SimpleNamespace(name="COMPLETED")
        return [SimpleNamespace(return_value=trial, _return_value=trial, status=completed) for trial in trials]


def test_a_process_that_dies_fails_only_its_own_trial() -> None:
    pool = Pool()
    rounds = BlockingLauncherAdapter(pool, attach)
    handles = submit(rounds, 0, DIES, 2, 3)
    assert wait_for(handles) == [JobState.LOST] * 4
    assert {handle.result().error for handle in handles} == {"BrokenProcessPool: a worker was terminated"}

    again = submit(rounds, 0, DIES, 2, 3, 4, 5)
    assert wait_for(again) == [JobState.FINISHED, JobState.LOST, *[JobState.FINISHED] * 4]
    assert [handle.result().value for handle in again] == [0, None, 2, 3, 4, 5]
    assert pool.launched == [[0, DIES, 2, 3], [0], [DIES], [2], [3], [4, 5]]
