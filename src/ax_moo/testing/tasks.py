"""The task functions that the jobs of the launcher suite run.

They are nested functions, so that cloudpickle sends them by value and a job need not import a test file.
"""

from pathlib import Path
from typing import Any

from ax_moo.testing.launching import Task


def what_it_was_given() -> Task:
    """A task that returns the job's number, its folder, and the mapping ``texts`` of its config."""

    def task(config: Any) -> Any:
        import os

        from hydra.core.hydra_config import HydraConfig

        job = HydraConfig.get()
        return {
            "num": job.job.num,
            "folder": job.runtime.output_dir,
            "written": sorted(os.listdir(Path(job.runtime.output_dir) / ".hydra")),
            "texts": dict(config.get("texts") or {}),
        }

    return task


def returning() -> Task:
    """A task that returns ``returned`` of the config, or raises ValueError if the config has ``raised``."""

    def task(config: Any) -> Any:
        from omegaconf import OmegaConf

        if "raised" in config:
            raise ValueError(config.raised)
        return OmegaConf.to_container(config)["returned"]  # type: ignore[index,call-overload]

    return task


def waiting_for(gate: Path) -> Task:
    """A task that writes ``begun-TRIAL``, runs until the file ``gate`` exists, and returns ``answer``."""

    def task(config: Any) -> Any:
        import time

        gate.with_name(f"begun-{config.trial}").touch()
        while not gate.exists():
            time.sleep(0.05)
        return config.answer

    return task


def killing_itself() -> Task:
    """A task that ends without a result, like a job that the kernel kills."""

    def task(config: Any) -> Any:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    return task
