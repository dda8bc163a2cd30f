"""What the jobs of the launcher suite do.

Nested functions, so that a launcher which pickles by value (cloudpickle) sends them whole; a job imports no test.
"""

from pathlib import Path
from typing import Any

from ax_moo.testing.launching import Task


def what_it_was_given() -> Task:
    """Returns what Hydra says of the job, and the overrides that came with it."""

    def task(config: Any) -> Any:
        import os

        from hydra.core.hydra_config import HydraConfig

        job = HydraConfig.get()
        return {
            "num": job.job.num,
            "folder": job.runtime.output_dir,
            "written": sorted(os.listdir(Path(job.runtime.output_dir) / ".hydra")),
            "text": config.get("text"),
        }

    return task


def returning() -> Task:
    """Returns ``returned`` as it is in the config, or raises ValueError where there is ``raised``."""

    def task(config: Any) -> Any:
        from omegaconf import OmegaConf

        if "raised" in config:
            raise ValueError(config.raised)
        return OmegaConf.to_container(config)["returned"]  # type: ignore[index,call-overload]

    return task


def waiting_for(gate: Path) -> Task:
    """Writes ``begun-TRIAL``, runs until the file ``gate`` is there, and returns ``answer``."""

    def task(config: Any) -> Any:
        import time

        gate.with_name(f"begun-{config.trial}").touch()
        while not gate.exists():
            time.sleep(0.05)
        return config.answer

    return task


def killing_itself() -> Task:
    """Ends without a result, as a job does that the kernel kills."""

    def task(config: Any) -> Any:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    return task
