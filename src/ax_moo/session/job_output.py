"""Predicts the folder that a trial's job will have, from the config of that job."""

import copy
import os
from collections.abc import Iterable
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from ax_moo.jobs.in_a_job import as_in_a_job, may_resolve_in_a_job
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import first_line


class NotKnownHere(Exception):
    """A resolver needs what only a job has, such as a variable of its environment."""


class OutputFolders:
    """The folders of jobs that begin at the same moment, so that ``${now:...}`` is the same in all of them."""

    def __init__(self, job_config: DictConfig) -> None:
        self._now = dict(OmegaConf.get_cache(job_config)["now"])

    def of(self, job_config: DictConfig, numbers: Iterable[int] = (0,)) -> list[Path]:
        """The folders of trials with these numbers and this config.

        Raises:
            ConfigError: the config cannot have such a folder.
            NotKnownHere: only the job knows it.
        """
        config = copy.deepcopy(job_config)  # once for all numbers: a copy takes longer than all the rest
        return [self._of(config, number) for number in numbers]

    def _of(self, config: DictConfig, number: int) -> Path:
        OmegaConf.clear_cache(config)
        OmegaConf.get_cache(config)["now"] = self._now
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.job.num, config.hydra.job.id = number, f"{number}_0"
        with as_in_a_job(config):
            return _joined(_resolved(config, "hydra.sweep.dir"), _resolved(config, "hydra.sweep.subdir"))


def _joined(sweep_dir: str, subdir: str) -> Path:
    """The folder as a path that begins with the sweep's own, as that is written, if it lies in that."""
    below = os.path.normpath(subdir)
    if os.path.isabs(below) or below.split(os.sep)[0] == os.pardir:
        return Path(os.path.abspath(os.path.join(sweep_dir, below)))
    return Path(sweep_dir).absolute() / below


def _resolved(config: DictConfig, key: str) -> str:
    try:
        return str(OmegaConf.select(config, key))
    except OmegaConfBaseException as error:
        if may_resolve_in_a_job(error):
            raise NotKnownHere from error
        raise ConfigError(f"{key}: {first_line(error)}; give a value that every trial can resolve") from None
