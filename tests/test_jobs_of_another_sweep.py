"""Two sweeps may keep the files of their jobs in one folder: each finds, collects and ends its own jobs only."""

import time
from pathlib import Path
from typing import Any

import pytest
from ax_moo_command import ax_moo, ax_moo_from_cold, facts
from killing import KILLED, Killable, check_each_result_is_the_trials_own, check_nothing_was_lost_or_run_twice
from launching import open_launcher, wait_for

from ax_moo.jobs.launcher import JobRequest, JobState
from ax_moo.storage import journal

pytestmark = pytest.mark.one_hydra


def shared(project: Path) -> str:
    return f"hydra.launcher.submitit_folder='{project}/shared/.submitit'"


def two_sweeps(project: Path, *options: str) -> tuple[Killable, Killable]:
    """Sweeps A and B of one application, with other candidates."""
    first = Killable(project, "async_local", *options, "hydra.sweeper.seed=1", folder="a")
    return first, Killable(project, "async_local", *options, "hydra.sweeper.seed=2", folder="b")


def test_a_resumed_sweep_does_not_take_the_result_of_another_one_with_the_same_submitit_folder(tmp_path: Path) -> None:
    first, second = two_sweeps(tmp_path, shared(tmp_path), "hydra.sweeper.n_trials=4")
    assert first.live().code == 0
    assert second.live(kill_at="staged:1").code == KILLED
    ended = second.live()
    check_nothing_was_lost_or_run_twice(second, ended)
    check_each_result_is_the_trials_own(first)
    check_each_result_is_the_trials_own(second)


def test_stop_now_ends_no_job_of_another_sweep(tmp_path: Path) -> None:
    first, second = two_sweeps(tmp_path, shared(tmp_path), "hydra.sweeper.n_trials=3", "+hold=true")
    assert first.live(kill_at="noted:2").code == KILLED
    assert second.live(kill_at="staged:1").code == KILLED
    assert {row["trial"] for row in facts(second.folder)["running"]} == set()
    stopped = ax_moo_from_cold("stop", "--now", second.folder)
    assert stopped.code == 0, stopped.err
    assert {row["state"] for row in facts(first.folder)["running"]} == {"RUNNING"}
    (tmp_path / "go").touch()
    check_nothing_was_lost_or_run_twice(first, first.live())


@pytest.mark.parametrize("name", ["10%training", "50%j", "100%", "%A/%a_%t"])
def test_a_sweep_with_a_percent_sign_in_its_name_has_its_job_files_in_its_own_folder(tmp_path: Path, name: str) -> None:
    swept = Killable(tmp_path, "async_local", "hydra.sweeper.n_trials=3", folder=name)
    assert swept.live(kill_at="submitted:1").code == KILLED
    check_nothing_was_lost_or_run_twice(swept, swept.live())
    check_each_result_is_the_trials_own(swept)
    jobs = [trial.job for trial in journal.trials(swept.folder)]
    assert [job and job.folder for job in jobs] == [str(swept.folder / f".submitit/{number}") for number in range(3)]
    assert "no job is left" in ax_moo("stop", swept.folder).out


def returning_x(config: Any) -> float:
    return float(config.x)


def test_a_job_is_found_by_its_sweep_its_trial_its_attempt_and_its_parameters_alone(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_local", returning_x)
    request = JobRequest(0, ("+x=1",), sweep="one")
    others = [
        JobRequest(0, ("+x=1",), sweep="two"),
        JobRequest(0, ("+x=1",)),
        JobRequest(1, ("+x=1",), sweep="one"),
        JobRequest(0, ("+x=1",), 2, sweep="one"),
        JobRequest(0, ("+x=2",), sweep="one"),
    ]
    (handle,) = launcher.submit([request])
    again = open_launcher(tmp_path, "async_local", returning_x)
    assert [again.find(other) for other in others] == [None] * len(others)
    assert again.find(request).job == handle.job
    assert wait_for([handle]) == [JobState.FINISHED], "looking for another job ends none"


def test_a_job_is_found_among_newer_ones_of_other_trials_in_its_folder(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_local", returning_x)
    requests = [JobRequest(0, (f"+x={number}",), sweep="one") for number in range(3)]
    handles = []
    for request in requests:
        handles += launcher.submit([request])
        time.sleep(0.01)  # the files get different times
    again = open_launcher(tmp_path, "async_local", returning_x)
    assert [again.find(request).job for request in requests] == [handle.job for handle in handles]
    assert wait_for(handles) == [JobState.FINISHED] * 3


def test_the_parameters_of_a_trial_are_its_own_and_other_overrides_may_change_between_two_lives(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_local", returning_x)
    (handle,) = launcher.submit([JobRequest(0, ("+epochs=3", "+x=1"), sweep="one", common=1)])
    assert launcher.find(JobRequest(0, ("+epochs=5", "+x=1"), sweep="one", common=1)).job == handle.job
    assert launcher.find(JobRequest(0, ("+epochs=3", "+x=2"), sweep="one", common=1)) is None
    known_key = JobRequest(0, ("epochs=3", "x=1"), sweep="one", common=1)
    assert launcher.find(known_key).job == handle.job, "the application's config has got the key meanwhile"
    wait_for([handle])
