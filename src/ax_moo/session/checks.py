"""Checks of a sweep before it begins: of its config, and of its folder."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo.optimizer.refusals import check_ax_takes
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.session.dotted_params import with_dotted_keys
from ax_moo.session.group_options import initial_with_option_names, with_option_names
from ax_moo.session.job_config import check_composes
from ax_moo.session.job_environment import check_environment
from ax_moo.session.leftovers import check_none_ahead, check_unused
from ax_moo.session.options import check_every_option
from ax_moo.session.subdir_check import first_folders
from ax_moo.session.unknown_keys import check_known
from ax_moo.storage import journal, lock
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Resume, Settings
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import first_line
from ax_moo.wandb.settings import ApplicationLogger, WandbSettings


def checked(
    config: DictConfig, loader: ConfigLoader, arguments: Sequence[str]
) -> tuple[Problem, Settings, WandbSettings, Sequence[Path]]:
    """The problem, the settings and the first trials' folders, after every check that needs nothing but the config.

    Raises:
        ConfigError: the config has a mistake.
    """
    options = _options(config)
    check_known(options)
    if not str(config.hydra.sweep.dir).strip():
        raise ConfigError("hydra.sweep.dir: must not be empty; give the folder of the sweep")
    space = with_option_names(SearchSpace.from_config(options.get("params", {}), arguments, loader), loader)
    if "initial" in options:
        options["initial"] = initial_with_option_names(options["initial"], loader)
    problem = Problem.from_config(
        space,
        options.get("objectives", {}),
        options.get("outcome_constraints", []),
        options.get("parameter_constraints", []),
        options.get("direction"),
    )
    settings = Settings.from_config(options, space, problem.parameter_constraints)
    check_ax_takes(problem, settings.method)
    wandb = WandbSettings.from_config(options.get("wandb", {}))
    job_config = check_composes(config, loader, space, arguments)
    variables = check_every_option(config, loader, space, arguments, job_config)
    check_environment(job_config, settings.n_trials)
    folders = first_folders(config, job_config, loader, space, settings.n_trials)
    wandb = dataclasses.replace(wandb, application=ApplicationLogger.of(job_config), variables=variables)
    return problem, settings, wandb, folders


def check_folder(folder: Path, problem: Problem, how: Resume, trial_folders: Sequence[Path]) -> None:
    """Check that a sweep for this problem may begin, or go on, in the folder.

    Raises:
        ConfigError: it may not.
    """
    if how is Resume.FRESH:
        return
    resume.check(folder, problem, how)
    holder = lock.holder(folder)
    if holder is not None and holder.is_alive:
        return  # the lock refuses this start
    if journal.header(folder) is None:
        check_unused(folder, trial_folders)
    else:
        known = [trial.index for trial in journal.trials(folder)]
        check_none_ahead(folder, trial_folders, next_trial=max(known, default=-1) + 1)


def _options(config: DictConfig) -> dict[str, Any]:
    try:
        options: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"hydra.sweeper: {first_line(error)}; give a value that can be resolved") from None
    given: dict[str, Any] = {str(key): value for key, value in options.items() if key != "_target_"}
    if "params" in given:
        # Unresolved: an interpolation such as ${hydra.job.num} has a value in a job only.
        overrides: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
        given["params"] = with_dotted_keys(given["params"], overrides)
    return given
