"""An application whose trials say when they begin to work, and then do what they are told.

What they say and hear is in files beside the application, outside of the sweep folder.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import Started
from sweeping import Swept, journal_rows, start_sweep, wait_for_sweep, write_app
from waiting import wait_until

from .cluster import SlurmCluster

_APP = """
import os
import signal
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

HERE = Path(__file__).parent


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> float:
    trial = HydraConfig.get().job.num
    with open(HERE / "begun", "a") as file:
        file.write(f"{trial} {os.getpid()} {os.environ['SLURMD_NODENAME']}\\n")
    if config.get("deaf"):
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # as on most clusters, which send no warning
    order = HERE / "orders" / str(trial)
    while not order.exists():
        time.sleep(0.1)
    if order.read_text() == "hog":
        memory = b"1" * 2**30
        time.sleep(config.get("seconds", 60))
    return config.x


if __name__ == "__main__":
    main()
"""
OPTIONS = ("hydra/launcher=async_slurm", "+x=interval(0,1)", "hydra.sweeper.method=sobol")


@dataclass(frozen=True)
class Begun:
    """A line that a trial wrote when it began to work."""

    trial: int
    pid: int
    node: str


class Orders:
    """Of the trials of one sweep of the application, which is written into ``project``."""

    def __init__(self, project: Path) -> None:
        self.project = write_app(project, _APP)
        (project / "orders").mkdir()

    def finish(self, *trials: int) -> None:
        for trial in trials:
            self._give(trial, "finish")

    def hog(self, trial: int) -> None:
        """Take a gigabyte of memory, in this attempt and in every other, for ``seconds`` of the config."""
        self._give(trial, "hog")

    def begun(self) -> list[Begun]:
        path = self.project / "begun"
        rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [Begun(int(trial), int(pid), node) for trial, pid, node in rows]

    def wait_until_begun(self, number: int) -> list[Begun]:
        wait_until(lambda: len(self.begun()) >= number, f"{number} begun; there are {self.begun()}")
        return self.begun()

    def job_id(self, trial: int) -> str:
        return job_id(self.project, trial)

    def wait_until_retried(self, trial: int) -> None:
        wait_until(lambda: self.rows(trial)[-1]["attempt"] == 2, f"a second attempt of {self.rows(trial)}")

    def rows(self, trial: int) -> list[dict[str, Any]]:
        return rows(self.project, trial)

    def _give(self, trial: int, order: str) -> None:
        # Renamed, so that no trial reads half an order.
        aside = self.project / f"order-{trial}"
        aside.write_text(order)
        aside.rename(self.project / "orders" / str(trial))


def rows(project: Path, trial: int) -> list[dict[str, Any]]:
    """What the journal has of a trial."""
    return [row for row in journal_rows(project)[1:] if row["trial"] == trial]


def job_id(project: Path, trial: int) -> str:
    return str(rows(project, trial)[-1]["job"]["job_id"])


@contextlib.contextmanager
def sweep_of(project: Path, *options: str, script: str = "app.py") -> Iterator[Started]:
    """A sweep that does not outlive the block."""
    process = start_sweep(project, *options, script=script)
    try:
        yield process
    finally:
        process.kill()


def sweep_that_is_preempted(cluster: SlurmCluster, project: Path, times: int, retries: int) -> Swept:
    """One trial in a partition that preempts by cancelling, whose jobs are preempted so many times."""
    orders = Orders(project)
    size = ("hydra.sweeper.n_trials=1", "hydra.sweeper.n_jobs=1", f"hydra.sweeper.retries={retries}")
    place = ("hydra.launcher.partition=taken", "hydra.launcher.gpus_per_node=1", "+deaf=true")
    with sweep_of(project, *OPTIONS, *size, *place) as sweep:
        for time in range(times):
            orders.wait_until_begun(time + 1)
            wait_until(lambda: orders.rows(0)[-1]["status"] == "RUNNING", "the job's id in the journal")
            cluster.preempt(orders.job_id(0))
        orders.wait_until_begun(times + 1)
        orders.finish(0)
        return wait_for_sweep(project, sweep)
