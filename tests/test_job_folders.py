"""Where a sweep's jobs have their files, when that is not the default, or was another folder in an earlier life."""

from pathlib import Path

import pytest
from ax_moo_command import ax_moo, ax_moo_from_cold, facts
from killing import KILLED, Killable, check_nothing_was_lost_or_run_twice

from ax_moo.jobs import folders as job_folders
from ax_moo.storage import journal

pytestmark = pytest.mark.one_hydra


def killed_before_it_noted_a_job(project: Path, *options: str) -> Killable:
    """Trial 1 is submitted, and nothing but its own files says so."""
    swept = Killable(project, "async_local")
    assert swept.live("hydra.sweeper.n_trials=5", *options, kill_at="submitted:1").code == KILLED
    assert [trial.index for trial in journal.trials(swept.folder) if trial.job is None] == [1, 2]
    return swept


def sweep_id(swept: Killable) -> str:
    header = journal.header(swept.folder)
    assert header is not None
    return str(header["id"])


def elsewhere(project: Path) -> str:
    return f"hydra.launcher.submitit_folder='{project}/job files/%j'"


@pytest.mark.parametrize(
    "options", [(), ("hydra/launcher=basic",)], ids=["with the files elsewhere", "with a launcher that blocks"]
)
def test_a_resumed_sweep_finds_the_jobs_of_a_life_that_kept_their_files_elsewhere(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    swept = killed_before_it_noted_a_job(tmp_path, elsewhere(tmp_path))
    header = journal.header(swept.folder)
    assert header is not None
    assert header["job_folders"] == [str(tmp_path / "job files")]
    check_nothing_was_lost_or_run_twice(swept, swept.live("hydra.sweeper.n_trials=5", *options))


def test_a_resumed_sweep_finds_the_jobs_of_a_life_with_the_default_folder(tmp_path: Path) -> None:
    swept = killed_before_it_noted_a_job(tmp_path)
    assert "job_folders" not in (journal.header(swept.folder) or {})
    check_nothing_was_lost_or_run_twice(swept, swept.live("hydra.sweeper.n_trials=5", elsewhere(tmp_path)))


@pytest.mark.parametrize("folder", [".submitit", "job files"])
def test_status_shows_a_job_that_was_not_noted_wherever_its_files_are(tmp_path: Path, folder: str) -> None:
    is_in_sweep = folder == ".submitit"
    base = tmp_path / ("swept" if is_in_sweep else "") / folder
    swept = killed_before_it_noted_a_job(tmp_path, f"hydra.launcher.submitit_folder='{base}/%j'")
    base = base if is_in_sweep else base / sweep_id(swept)
    shown = {row["trial"]: row for row in facts(swept.folder)["running"]}
    assert {trial: row["folder"] for trial, row in shown.items()} == {i: str(base / f"{i}") for i in range(3)}
    assert {row["state"] for row in shown.values()} <= {"RUNNING", "FINISHED"}
    assert shown[1]["job_id"] in ax_moo("status", swept.folder).out


def test_stop_now_ends_a_job_that_was_not_noted_wherever_its_files_are(tmp_path: Path) -> None:
    swept = killed_before_it_noted_a_job(tmp_path, elsewhere(tmp_path))
    left = ax_moo("stop", swept.folder)
    stopped = ax_moo_from_cold("stop", "--now", swept.folder)
    assert left.code == stopped.code == 0, stopped.err
    trials = journal.trials(swept.folder)
    assert trials[1].job or trials[1].previous_attempts, "the job was not found"
    job = trials[1].job or trials[1].previous_attempts[0].job
    assert job.folder == str(tmp_path / "job files" / sweep_id(swept) / "1")
    assert job.job_id in left.out
    check_nothing_was_left_running(swept)


def check_nothing_was_left_running(swept: Killable) -> None:
    again = ax_moo("stop", swept.folder)
    assert "keep running" not in again.out


def test_the_folder_is_what_all_jobs_have_in_common_and_is_named_from_the_sweeps(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    assert job_folders.noted(sweep, {}, f"{sweep}/.submitit/%j") == {}
    inside = job_folders.noted(sweep, {}, f"{sweep}/jobs/%A/%a")
    assert inside == {"job_folders": ["jobs"]}
    both = job_folders.noted(sweep, {"time": 0.0}, f"{tmp_path}/of-%j")
    assert both == {"job_folders": [".submitit", str(tmp_path)]}
    assert job_folders.noted(sweep, {}, f"{sweep}/../sweep-2/%j") == {"job_folders": [f"{tmp_path}/sweep-2"]}
    assert job_folders.noted(sweep, both, None) == both, "a launcher without files of its own"
    moved = tmp_path / "moved"
    assert job_folders.bases(moved, both) == [tmp_path, moved / ".submitit"]
    assert job_folders.bases(moved, {"time": 0.0}) == [moved / ".submitit"]
