"""Checks, before the first trial, that ``hydra.job.env_set`` has values that a job can resolve."""

import copy
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from ax_moo.jobs.environment import IDS_OF_RUNS
from ax_moo.jobs.in_a_job import as_in_a_job, may_resolve_in_a_job
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import first_line

_KEY = "hydra.job.env_set"


def check_environment(job_config: DictConfig, n_trials: int) -> None:
    """``job_config`` is the config of an example trial. What a resolver does not know here, the job may know.

    Raises:
        ConfigError: an interpolation leads nowhere, or all trials would be one run of a tracker.
    """
    if n_trials > 1:
        check_ids_of_runs(job_config)
    config = copy.deepcopy(job_config)
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.job.num, config.hydra.job.id = 0, "0_0"
    values = config.hydra.job.env_set
    with as_in_a_job(config):
        for name in values:
            try:
                values[name]
            except OmegaConfBaseException as error:
                if not may_resolve_in_a_job(error):
                    raise ConfigError(
                        f"{_KEY}.{name}: {first_line(error)}; give a value that every trial can resolve"
                    ) from None


def check_ids_of_runs(job_config: DictConfig) -> None:
    """Check that not all trials would be one run of a tracker.

    Raises:
        ConfigError: they would.
    """
    values: Any = OmegaConf.to_container(job_config.hydra.job.env_set, resolve=False)
    for name in IDS_OF_RUNS:
        value = values.get(name)
        if value is not None and str(value) and "${" not in str(value):
            raise ConfigError(
                f"{_KEY}.{name}: must differ from trial to trial, got {value!r}, by which all of them would be one run;"
                f" write {value}-${{hydra.job.num}}, or leave it out"
            )
