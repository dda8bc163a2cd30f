"""Our launchers fulfil the contract that any other launcher has to fulfil."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ax_moo.jobs.blocking import BlockingLauncherAdapter
from ax_moo.jobs.launcher import AsyncLauncher
from ax_moo.testing import JobSuite, LauncherSuite
from ax_moo.testing.launching import open_launcher
from ax_moo_launchers.attach import attacher
from hydra_plugins.async_submitit_launcher.launcher import adopt

pytestmark = [pytest.mark.one_hydra, pytest.mark.contract]


class SubmititSuite(LauncherSuite):
    @classmethod
    def obstruct(cls, folder: Path, trial: int) -> Callable[[], None]:
        """A file stands where the job's folder has to be."""
        path = folder / "sweep/.submitit" / str(trial)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path.unlink


class TestAsyncLocal(SubmititSuite):
    launcher = "async_local"
    overrides = ("hydra.launcher.gpus=none",)
    wrong_overrides = ("hydra.launcher.timeout_min=soon", "+hydra.launcher.tiemout_min=3", "hydra.launcher.nodes=2")


@pytest.mark.slurm
@pytest.mark.usefixtures("slurm_cluster")
class TestAsyncSlurm(SubmititSuite):
    launcher = "async_slurm"
    wrong_overrides = ("hydra.launcher.timeout_min=soon", "+hydra.launcher.tiemout_min=3")


@pytest.mark.slurm
@pytest.mark.usefixtures("slurm_cluster")
class TestAsyncSlurmWithSharedJobs(SubmititSuite):
    launcher = "async_slurm"
    overrides = ("hydra.launcher.trials_per_job=3", "hydra.launcher.idle_s=5")
    wrong_overrides = ("hydra.launcher.trials_per_job=0", "hydra.launcher.nodes=2")


class TestStockSubmititLocal(SubmititSuite):
    launcher = "submitit_local"

    @classmethod
    def open_launcher(cls, folder: Path, task: Callable[[Any], Any], *overrides: str) -> AsyncLauncher:
        adopted = adopt(open_launcher(folder, cls.launcher, task, *cls.overrides, *overrides))
        assert adopted is not None
        return adopted


class TestBlockingLauncher(JobSuite):
    launcher = "basic"

    @classmethod
    def open_launcher(cls, folder: Path, task: Callable[[Any], Any], *overrides: str) -> AsyncLauncher:
        blocking = open_launcher(folder, cls.launcher, task, *cls.overrides, *overrides)
        return BlockingLauncherAdapter(blocking, attacher())
