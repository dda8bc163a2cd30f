"""A sweep folder that was moved between two lives of its sweep, and results of which only a part is left."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ax_moo_command import facts
from killing import KILLED, Killable, check_each_result_is_the_trials_own, check_nothing_was_lost_or_run_twice
from launching import open_launcher, submit, wait_for, wait_until
from waiting import wait_until as wait

from ax_moo.jobs.launcher import JobState
from ax_moo.storage import journal
from ax_moo.trial import Fault, Job
from ax_moo_launchers.attach import attach
from ax_moo_launchers.files import result_file

pytestmark = pytest.mark.one_hydra


def moved(swept: Killable, name: str) -> None:
    os.rename(swept.folder, swept.project / name)
    swept.name = name


def wait_for_results(base: Path, number: int) -> None:
    wait(lambda: len(list(base.glob("*/*_result.pkl"))) == number, f"{number} jobs to end")


@pytest.mark.parametrize("point", ["submitted:1", "noted:2"])
def test_the_results_of_jobs_that_ended_while_no_sweeper_ran_are_found_in_a_folder_that_was_moved(
    tmp_path: Path, point: str
) -> None:
    swept = Killable(tmp_path, "async_local", "hydra.sweeper.n_trials=4")
    assert swept.live(kill_at=point).code == KILLED
    wait_for_results(swept.folder / ".submitit", 3)
    moved(swept, "moved")
    assert {row["state"] for row in facts(swept.folder)["running"]} == {"FINISHED"}
    check_nothing_was_lost_or_run_twice(swept, swept.live())
    check_each_result_is_the_trials_own(swept)
    for trial in journal.trials(swept.folder):
        assert trial.job
        assert trial.job.folder == str(swept.folder / f".submitit/{trial.index}")
    rows = [json.loads(line) for line in (swept.folder / "sweep.jsonl").read_text().splitlines()[1:]]
    assert {row["job"]["folder"] for row in rows if "job" in row} == {f".submitit/{number}" for number in range(4)}


def test_a_job_outside_of_the_sweep_folder_stays_where_it_is_when_the_folder_is_moved(tmp_path: Path) -> None:
    elsewhere = f"hydra.launcher.submitit_folder='{tmp_path}/jobs/%j'"
    swept = Killable(tmp_path, "async_local", elsewhere, "hydra.sweeper.n_trials=3")
    assert swept.live(kill_at="noted:2").code == KILLED
    wait_for_results(next((tmp_path / "jobs").iterdir()), 3)
    moved(swept, "moved")
    check_nothing_was_lost_or_run_twice(swept, swept.live())
    check_each_result_is_the_trials_own(swept)


@pytest.mark.parametrize(
    "torn", [lambda content: b"", lambda content: content[: len(content) // 2], lambda content: bytes(len(content))]
)
def test_a_result_of_which_a_part_is_lost_is_the_machines_fault_and_lost(
    tmp_path: Path, torn: Callable[[bytes], bytes]
) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", lambda config: {"f": [0.5] * 100}), 0)
    assert wait_for([handle]) == [JobState.FINISHED]
    path = result_file(Path(handle.job.folder), handle.job.job_id)
    path.write_bytes(torn(path.read_bytes()))
    attached = attach(Job(handle.job.job_id, handle.job.folder, handle.job.scheduler))
    assert wait_until(attached, [JobState.FINISHED, JobState.LOST]) is JobState.LOST
    assert "empty or incomplete" in str(attached.result().error)
    assert attached.result().fault is Fault.NODE_FAILED
