"""What a sweep's records say about it: in its lock, in the first line of its journal, and in W&B."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ax_moo.jobs import folders as job_folders
from ax_moo.problem.problem import Problem
from ax_moo.results.retraining import ONE_RUN
from ax_moo.session import provenance
from ax_moo.storage import journal, lock
from ax_moo.storage.files import HOME
from ax_moo.storage.home import original_of
from ax_moo.sweep.settings import Resume, Settings


def about_sweep(config: DictConfig, settings: Settings, folder: Path) -> Mapping[str, Any]:
    is_fresh = settings.resume is Resume.FRESH
    return {**_about(config, settings), **_job_folders(config, folder, is_fresh), HOME: str(folder)}


def about_in_lock(about: Mapping[str, Any], settings: Settings, folder: Path) -> Mapping[str, Any]:
    """What the lock says: a process that is killed before it has moved a copy aside leaves a copy."""
    original = original_of(folder) if settings.resume is Resume.FRESH else None
    return {**about, HOME: str(original or folder)}


def wandb_facts(settings: Settings, problem: Problem) -> Mapping[str, Any]:
    """The values that the sweep's W&B run shows in addition."""
    objectives = {each.name: {"minimize": each.minimize, "threshold": each.threshold} for each in problem.objectives}
    return {"seed": settings.seed, "method": settings.method, "objectives": objectives}


def _about(config: DictConfig, settings: Settings) -> Mapping[str, Any]:
    cwd = str(config.hydra.runtime.cwd)
    # The overrides stay unresolved: an interpolation such as ${hydra.job.num} has a value in a job only.
    overrides: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    return {
        "n_trials": settings.n_trials,
        "n_jobs": settings.n_jobs,
        "command": provenance.command(),
        # The application's config may say that it is always a multirun.
        "training": f"{provenance.training_command(overrides)} {ONE_RUN}",
        "cwd": cwd,
        **provenance.provenance(cwd),
    }


def _job_folders(config: DictConfig, folder: Path, is_fresh: bool) -> Mapping[str, Any]:
    setting = OmegaConf.select(config, "hydra.launcher.submitit_folder")
    if is_fresh:
        return job_folders.noted(folder, {}, setting)
    before = lock.holder(folder)
    about = {**(journal.header(folder) or {}), **(before.about if before else {})}
    return job_folders.noted(folder, about, setting)
