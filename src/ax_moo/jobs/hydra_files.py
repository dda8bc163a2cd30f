"""The files that Hydra leaves in a job's folder: the config and the overrides, which may hold secrets."""

import os
from contextlib import suppress
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo.jobs.in_a_job import as_in_a_job
from ax_moo.system.private_files import keep_private


def make_private(config: DictConfig, job_dir_key: str) -> None:
    """Make the folder of these files before Hydra does, for the job's user alone.

    Where the folder is not known before Hydra makes it, ``keep_hydra_files_private`` comes a moment later.
    """
    with suppress(OmegaConfBaseException, OSError, ValueError), as_in_a_job(config):
        if config.hydra.output_subdir is None:
            return
        job = Path(str(OmegaConf.select(config, job_dir_key))) / str(OmegaConf.select(config, "hydra.sweep.subdir"))
        job.mkdir(parents=True, exist_ok=True)
        os.makedirs(job / str(config.hydra.output_subdir), mode=0o700, exist_ok=True)


def keep_hydra_files_private() -> None:
    """Take the rights of others from the files that Hydra has written for this job, whatever its launcher."""
    hydra = HydraConfig.get()
    if hydra.output_subdir is None:
        return
    folder = Path(hydra.runtime.output_dir) / str(hydra.output_subdir)
    for path in (folder, *(folder / name for name in ("config.yaml", "hydra.yaml", "overrides.yaml"))):
        keep_private(path)
