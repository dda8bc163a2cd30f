"""A launcher class of the user's own, derived from a stock launcher of hydra-submitit-launcher."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher, LocalLauncher, SlurmLauncher
from launching import open_launcher, submit, wait_for
from slurm.cluster import SlurmCluster
from sweeping import RETURNS_X, Swept, sweep_command, wait_for_sweep, write_app
from waiting import wait_until

from ax_moo.jobs.launcher import AsyncLauncher, JobHandle, JobRequest, JobState
from ax_moo.trial import Fault
from ax_moo_launchers.stock import why_in_rounds
from hydra_plugins.async_submitit_launcher.launcher import AsyncLocalLauncher, adopt

Stock = type[Any]


def of_class(cls: Stock, folder: Path, task: Any, stock_name: str = "submitit_local") -> Any:
    """A launcher of this class, as Hydra makes it of a stock launcher's config."""
    stock = open_launcher(folder, stock_name, task)
    launcher = cls(**stock.params)
    launcher.setup(hydra_context=stock.hydra_context, task_function=stock.task_function, config=stock.config)
    return launcher


def own_call(folder: Path) -> Stock:
    """Nested, so that the job gets the class by value and does not import pytest."""

    class OwnCall(LocalLauncher):
        def __call__(self, *args: Any, **kwargs: Any) -> JobReturn:
            (folder / f"called-{args[2]}").write_text(self.word())
            return super().__call__(*args, **kwargs)

        def word(self) -> str:
            return str(self.params["name"])

    return OwnCall


def test_a_class_with_a_call_of_its_own_is_driven_without_waiting_and_its_call_runs(tmp_path: Path) -> None:
    def task(config: Any) -> int:
        assert (folder / f"called-{config.trial}").exists()
        if config.trial == 1:
            raise ValueError("boom")
        return 10 + int(config.trial)

    folder = tmp_path
    launcher = adopt(of_class(own_call(tmp_path), tmp_path, task))
    assert isinstance(launcher, AsyncLauncher)
    handles = submit(launcher, 0, 1)
    assert wait_for(handles) == [JobState.FINISHED] * 2
    assert handles[0].result().value == 10
    assert handles[1].result().error == "ValueError: boom"
    assert (tmp_path / "called-0").read_text() == "test"


@pytest.mark.parametrize("kind", ["no JobReturn", "exception"])
def test_what_goes_wrong_in_a_call_of_the_users_own_fails_the_trial(tmp_path: Path, kind: str) -> None:
    class Wrong(LocalLauncher):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            if kind == "exception":
                raise KeyError("mine")
            return {"objective": 1.0}

    (handle,) = submit(adopt(of_class(Wrong, tmp_path, lambda config: 1)), 0)
    assert wait_for([handle]) == [JobState.FINISHED]
    expected = {
        "exception": "KeyError: 'mine'",
        "no JobReturn": "TypeError: Wrong.__call__ must return Hydra's JobReturn, as the stock launcher does, got dict",
    }
    assert handle.result().error == expected[kind]


class OwnLaunch(LocalLauncher):
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        return super().launch(job_overrides, initial_job_idx)


class OwnInit(SlurmLauncher):
    def __init__(self, mine: int = 1, **params: Any) -> None:
        super().__init__(**params)


class OwnExecutor(LocalLauncher):
    _EXECUTOR = "debug"


class OwnKind(BaseSubmititLauncher):
    _EXECUTOR = "local"


class Mixin:
    def setup(self, **hydra: Any) -> None:
        super().setup(**hydra)  # type: ignore[misc]


class Mixed(Mixin, LocalLauncher):
    pass


@pytest.mark.parametrize("cls", [OwnLaunch, OwnInit, OwnExecutor, OwnKind, Mixed])
def test_a_class_that_changes_more_than_its_call_is_never_replaced(tmp_path: Path, cls: Stock) -> None:
    assert adopt(of_class(cls, tmp_path, lambda config: 1)) is None


class OursWithOwnLaunch(AsyncLocalLauncher):
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        return super().launch(job_overrides, initial_job_idx)


class OursWithOwnCall(AsyncLocalLauncher):
    def __call__(self, *args: Any) -> JobReturn:
        return super().__call__(*args)


class OursWithOwnSubmitAndLaunch(OursWithOwnLaunch):
    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        return super().submit(requests)


def test_a_class_on_our_own_launcher_is_driven_as_it_is_unless_only_its_launch_submits_as_it_wants() -> None:
    for cls in (OursWithOwnCall, OursWithOwnSubmitAndLaunch):
        launcher = cls()
        assert adopt(launcher) is launcher
    assert adopt(OursWithOwnLaunch()) is None
    assert "OursWithOwnLaunch has its own launch" in why_in_rounds(OursWithOwnLaunch())


def test_a_launcher_that_only_looks_like_a_stock_one_is_never_replaced() -> None:
    class Alike:
        _EXECUTOR = "local"
        params: dict[str, Any] = {}  # noqa: RUF012
        hydra_context = task_function = config = None

    assert adopt(Alike()) is None


PLUGIN = """
from pathlib import Path
from hydra.core.config_store import ConfigStore
from hydra_plugins.hydra_submitit_launcher.config import LocalQueueConf
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher


class Mine(LocalLauncher):
    def __call__(self, *args, **kwargs):
        Path(f"called-{args[2]}").touch()
        return super().__call__(*args, **kwargs)


class Batches(LocalLauncher):
    def __init__(self, word, **params):
        super().__init__(**params)
        self.word = word

    def launch(self, job_overrides, initial_job_idx):
        Path(f"{self.word}-{initial_job_idx}").touch()
        return super().launch(job_overrides, initial_job_idx)


for name, more in (("Mine", {}), ("Batches", {"word": "launched"})):
    node = {**{key: value for key, value in vars(LocalQueueConf()).items() if key != "_target_"}, **more}
    node["_target_"] = f"hydra_plugins.own_launcher.{name}"
    ConfigStore.instance().store(group="hydra/launcher", name=name.lower(), node=node)
"""


def own_plugin(project: Path) -> Path:
    write_app(project, RETURNS_X)
    return write_app(project, PLUGIN, "hydra_plugins/own_launcher.py")


def run_cold(project: Path, *options: str) -> Swept:
    """In a process that looks for plug-ins, as the server of :func:`sweeping.run_sweep` has done long ago."""
    with subprocess.Popen(
        [sys.executable, *sweep_command(*options)], cwd=project, stdout=PIPE, stderr=PIPE, text=True
    ) as process:
        return wait_for_sweep(project, process)


TWO = ("+x=interval(0,1)", "hydra.sweeper.method=sobol", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2")


def test_a_sweep_runs_the_call_of_a_plug_in_of_the_users_own(tmp_path: Path) -> None:
    swept = run_cold(own_plugin(tmp_path), "hydra/launcher=mine", *TWO)
    assert swept.code == 0, swept.err
    assert [row["status"] for row in swept.last] == ["COMPLETED"] * 2
    assert {row["job"]["scheduler"] for row in swept.last} == {"local"}
    assert sorted(path.name for path in tmp_path.glob("called-*")) == ["called-0", "called-1"]
    assert "trials run in rounds" not in swept.out


def test_a_sweep_runs_the_launch_of_a_plug_in_of_the_users_own_in_rounds_and_says_why(tmp_path: Path) -> None:
    swept = run_cold(own_plugin(tmp_path), "hydra/launcher=batches", *TWO)
    assert swept.code == 0, swept.err
    assert [row["status"] for row in swept.last] == ["COMPLETED"] * 2
    assert (tmp_path / "launched-0").exists()
    (said,) = [line for line in swept.out.splitlines() if "trials run in rounds" in line]
    assert "Batches has its own __init__ and launch" in said


class OwnCheckpoint(LocalLauncher):
    def checkpoint(self, overrides: list[str], *args: Any) -> Any:
        import submitit

        if overrides == ["+trial=0"]:
            return None
        return submitit.helpers.DelayedSubmission(self, [*overrides, "+again=1"], *args)


def test_the_checkpoint_of_a_class_of_the_users_own_decides_what_a_requeued_job_runs(tmp_path: Path) -> None:
    launcher: Any = adopt(of_class(OwnCheckpoint, tmp_path, lambda config: dict(config)))
    state = Singleton.get_state()

    def call(trial: int) -> tuple[Any, ...]:
        return [f"+trial={trial}"], "hydra.sweep.dir", trial, f"job_id_for_{trial}", state, "the sweep's id"

    assert launcher.checkpoint(*call(0)) is None
    again = launcher.checkpoint(*call(1))
    assert again.args == call(1)
    request = JobRequest(1, ())
    (handle,) = launcher.queue.submit({request: (again.function, *again.args)}, {request: launcher.params})
    assert wait_for([handle]) == [JobState.FINISHED]
    assert handle.result().value == {"trial": 1, "again": 1}


@pytest.mark.slurm
def test_a_job_of_slurm_that_is_requeued_goes_on_as_the_users_checkpoint_says(
    tmp_path: Path, slurm_cluster: SlurmCluster
) -> None:
    def task(config: Any) -> Any:
        if "again" in config:
            return dict(config)
        (folder / "ready").touch()
        time.sleep(60)

    class OnSlurm(SlurmLauncher):
        def checkpoint(self, overrides: list[str], *args: Any) -> Any:
            import submitit

            return submitit.helpers.DelayedSubmission(self, [*overrides, "+again=1"], *args)

    folder = tmp_path
    (handle,) = submit(adopt(of_class(OnSlurm, tmp_path, task, "submitit_slurm")), 1)
    wait_until((tmp_path / "ready").exists, "the job to begin")
    slurm_cluster.call("scancel", "--signal=USR2", handle.job.job_id).check_returncode()
    slurm_cluster.let_start(handle.job.job_id)
    assert wait_for([handle]) == [JobState.FINISHED]
    assert handle.result().value == {"trial": 1, "again": 1}


@pytest.mark.slurm
def test_a_preempted_job_whose_checkpoint_wants_no_other_life_was_preempted(
    tmp_path: Path, slurm_cluster: SlurmCluster
) -> None:
    def task(config: Any) -> None:
        (folder / "ready").touch()
        time.sleep(60)

    class OnSlurm(SlurmLauncher):
        def checkpoint(self, *args: Any) -> None:
            return None

    folder = tmp_path
    (handle,) = submit(adopt(of_class(OnSlurm, tmp_path, task, "submitit_slurm")), 1)
    wait_until((tmp_path / "ready").exists, "the job to begin")
    slurm_cluster.call("scancel", "--signal=USR2", handle.job.job_id).check_returncode()
    assert wait_for([handle]) == [JobState.LOST]
    assert str(handle.result().error).startswith("preempted, and could not be requeued: ")
    assert handle.result().fault is Fault.PREEMPTED
