"""The names of sweep folders, and two sweeps with one folder for the files of their jobs, on Slurm."""

from pathlib import Path

import pytest
from killing import KILLED, Killable, check_each_result_is_the_trials_own, check_nothing_was_lost_or_run_twice

from ax_moo.storage import journal

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra, pytest.mark.usefixtures("slurm_cluster")]


@pytest.mark.parametrize("point", ["unpublished:1", "submitted:1"])
def test_a_sweep_with_a_percent_sign_in_its_name_has_its_job_files_in_its_own_folder(
    tmp_path: Path, point: str
) -> None:
    swept = Killable(tmp_path, "async_slurm", "hydra.sweeper.n_trials=4", folder="10%training %j/100%")
    assert swept.live(kill_at=point).code == KILLED
    check_nothing_was_lost_or_run_twice(swept, swept.live())
    check_each_result_is_the_trials_own(swept)
    for trial in journal.trials(swept.folder):
        folder = swept.folder / f".submitit/{trial.index}"
        assert trial.job
        assert trial.job.folder == str(folder)
        assert (folder / f"{trial.job.job_id}_0_log.out").is_file()


def test_a_resumed_sweep_does_not_take_the_result_of_another_one_with_the_same_submitit_folder(tmp_path: Path) -> None:
    options = (f"hydra.launcher.submitit_folder='{tmp_path}/shared/.submitit'", "hydra.sweeper.n_trials=4")
    first = Killable(tmp_path, "async_slurm", *options, "hydra.sweeper.seed=1", folder="a")
    second = Killable(tmp_path, "async_slurm", *options, "hydra.sweeper.seed=2", folder="b")
    assert first.live().code == 0
    assert second.live(kill_at="staged:1").code == KILLED
    check_nothing_was_lost_or_run_twice(second, second.live())
    check_each_result_is_the_trials_own(first)
    check_each_result_is_the_trials_own(second)
