"""A trial never works in the folder of another one, also where only the job itself finds out which folder it has."""

import json
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from launching import open_launcher, wait_for
from sweeping import run_sweep, write_app

from ax_moo.jobs.blocking import BlockingLauncherAdapter
from ax_moo.jobs.launcher import AsyncLauncher, JobRequest, JobResult
from ax_moo.jobs.ownership import RECORD_FILE, ForeignFolder, OwnedTask, Owner, claim, owner_of
from ax_moo_launchers.attach import attach

SHARED = "hydra.sweep.subdir=shared"


def goes_on_from_its_checkpoint() -> Callable[[Any], Any]:
    """Returns its own number, unless there is a checkpoint: then the number in that."""

    def task(config: Any) -> Any:
        from hydra.core.hydra_config import HydraConfig

        last = Path(HydraConfig.get().runtime.output_dir) / "last.ckpt"
        if not last.exists():
            last.write_text(str(config.trial))
        return int(last.read_text())

    return task


def launcher_of(folder: Path, name: str, *options: str) -> AsyncLauncher:
    opened = open_launcher(folder, name, goes_on_from_its_checkpoint(), *options)
    return opened if name.startswith("async") else BlockingLauncherAdapter(opened, attach)


def run(
    launcher: AsyncLauncher, *trials: int, sweep: str = "a", attempt: int = 1, plain: Sequence[str] = ()
) -> list[JobResult]:
    """The results of jobs that run one after the other."""
    results = []
    for trial in trials:
        handles = launcher.submit(
            [JobRequest(trial, (*plain, f"+trial={trial}"), attempt, sweep=sweep, common=len(plain))]
        )
        wait_for(handles)
        results += [handle.result() for handle in handles]
    return results


LAUNCHERS = pytest.mark.parametrize("name", ["async_local", "basic"])


@LAUNCHERS
def test_a_trial_whose_folder_is_another_trials_fails_and_names_both(tmp_path: Path, name: str) -> None:
    first, second = run(launcher_of(tmp_path, name, SHARED), 0, 1)
    assert (first.value, first.error) == (0, None)
    assert second.value is None
    assert second.error is not None
    assert f"{tmp_path}/sweep/shared is the folder of trial 0, and trial 1 must have one of its own" in second.error
    assert "hydra.sweep.subdir='${hydra.job.num}'" in second.error


@pytest.mark.one_hydra
@LAUNCHERS
def test_a_trial_goes_on_in_its_own_folder(tmp_path: Path, name: str) -> None:
    launcher = launcher_of(tmp_path, name)
    assert [result.value for result in run(launcher, 7)] == [7]
    assert [result.value for result in run(launcher, 7, attempt=2, plain=["+gpu=true", "+n=3"])] == [7]


@pytest.mark.one_hydra
@LAUNCHERS
def test_a_trial_whose_folder_is_another_sweeps_fails_and_names_both(tmp_path: Path, name: str) -> None:
    launcher = launcher_of(tmp_path, name)
    run(launcher, 7, sweep="a")
    [result] = run(launcher, 7, sweep="b")
    assert result.error is not None
    assert "is the folder of trial 7 of another sweep (a), and trial 7 of this one (b)" in result.error


@pytest.mark.one_hydra
def test_all_tasks_of_a_job_work_in_the_folder_of_its_trial(tmp_path: Path) -> None:
    def task(config: Any) -> Any:
        import os

        return os.environ["SUBMITIT_LOCAL_GLOBALID"]

    launcher = open_launcher(tmp_path, "async_local", task, "hydra.launcher.tasks_per_node=2")
    [handle] = launcher.submit([JobRequest(7, ("+trial=7",), sweep="a")])
    wait_for([handle])
    results = [pickle.loads(path.read_bytes())[1] for path in sorted(handle.folder.glob("*_result.pkl"))]
    assert [result.return_value for result in results] == ["0", "1"]
    assert owner_of(tmp_path / "sweep/7") == Owner("a", 7)


def test_under_another_sweeper_jobs_may_share_a_folder_as_they_always_could(tmp_path: Path) -> None:
    launcher = launcher_of(tmp_path, "async_local", SHARED)
    assert [result.value for result in run(launcher, 0, 1, sweep="")] == [0, 0]
    assert sorted(path.name for path in (tmp_path / "sweep/shared").iterdir()) == [".hydra", "last.ckpt", "test.log"]


FROM_ITS_CHECKPOINT = """
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    last = Path(HydraConfig.get().runtime.output_dir) / "last.ckpt"
    if not last.exists():
        last.write_text(str(config.x))
    return float(last.read_text())


if __name__ == "__main__":
    main()
"""


def test_a_sweep_never_has_the_result_of_another_trial_where_only_a_job_knows_its_folder(tmp_path: Path) -> None:
    options = ("hydra/launcher=async_local", "hydra.sweep.subdir='${oc.env:SUBMITIT_LOCAL_NODEID}'", "+x=interval(0,1)")
    swept = run_sweep(write_app(tmp_path, FROM_ITS_CHECKPOINT), *options, "hydra.sweeper.n_trials=3")
    [completed] = swept.in_state("COMPLETED")
    assert completed["outcome"] == {"objective": completed["parameterization"]["x"]}
    failed = swept.in_state("FAILED")
    assert [row["attempt"] for row in failed] == [1, 1]
    assert all(f"is the folder of trial {completed['trial']}, and trial " in row["reason"] for row in failed)


def test_the_record_names_sweep_trial_and_overrides(tmp_path: Path) -> None:
    claim(tmp_path, Owner("a", 3), ["x=0.5", "name='ä'"])
    record = json.loads((tmp_path / RECORD_FILE).read_text())
    assert record == {"sweep": "a", "trial": 3, "overrides": ["x=0.5", "name='ä'"]}
    claim(tmp_path, Owner("a", 3), ["name='ä'", "x=0.5"])
    assert [path.name for path in tmp_path.iterdir()] == [RECORD_FILE]
    assert json.loads((tmp_path / RECORD_FILE).read_text()) == record


@pytest.mark.parametrize(
    "torn",
    [
        "",
        "{",
        "[]",
        "3",
        '{"sweep": "b"}',
        '{"sweep": "b", "trial": null, "overrides": []}',
        '{"sweep": "b", "trial": 3}',
    ],
)
def test_a_record_that_was_lost_in_a_power_failure_is_written_again(tmp_path: Path, torn: str) -> None:
    (tmp_path / RECORD_FILE).write_text(torn)
    assert owner_of(tmp_path) is None
    claim(tmp_path, Owner("a", 3), [])
    assert owner_of(tmp_path) == Owner("a", 3)


def test_a_trial_whose_folder_was_another_parameterizations_fails(tmp_path: Path) -> None:
    claim(tmp_path, Owner("a", 3), ["x=0.5"])
    claim(tmp_path, Owner("a", 3), ["+x=0.5"])
    with pytest.raises(ForeignFolder, match=r"with x=0\.5, and this job has x=0\.6: the sweep's journal has lost"):
        claim(tmp_path, Owner("a", 3), ["x=0.6"])


def test_the_folder_of_an_earlier_version_is_claimed(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").touch()
    claim(tmp_path, Owner("a", 3), [])
    assert owner_of(tmp_path) == Owner("a", 3)


@pytest.mark.parametrize("has_links", [True, False])
def test_of_trials_that_claim_a_folder_at_once_one_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refuse(*paths: Path) -> None:
        raise PermissionError(1, "a file system without hard links")

    if not has_links:
        monkeypatch.setattr("os.link", refuse)

    def try_to_claim(trial: int) -> int | None:
        try:
            claim(tmp_path, Owner("a", trial % 10), [])
        except ForeignFolder:
            return None
        return trial % 10

    with ThreadPoolExecutor(1 if not has_links else 10) as pool:
        had = set(pool.map(try_to_claim, range(100))) - {None}
    assert len(had) == 1
    assert owner_of(tmp_path) == Owner("a", had.pop() or 0)
    assert [path.name for path in tmp_path.iterdir()] == [RECORD_FILE]


def test_the_task_of_a_launcher_that_pickles_it_can_be_pickled() -> None:
    task = pickle.loads(pickle.dumps(OwnedTask(partial(int, base=8), "a")))
    assert (task.task_function("10"), task.sweep) == (8, "a")
