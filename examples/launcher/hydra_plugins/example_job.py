"""What runs in a job's own process: the task function, as Hydra runs it, and its result on the disk."""

import os

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from omegaconf import open_dict

from ax_moo.jobs.ownership import owned


def run(launcher, folder, request, singletons):
    Singleton.set_state(singletons)
    setup_globals()
    context = launcher.hydra_context
    config = context.config_loader.load_sweep_config(launcher.config, list(request.overrides))
    with open_dict(config):
        config.hydra.job.num, config.hydra.job.id = request.trial, str(os.getpid())
    task = owned(launcher.task_function, request.sweep, request.common)  # fails in another trial's folder
    result = run_job(task, config, "hydra.sweep.dir", "hydra.sweep.subdir", context)
    (folder / "result.new").write_bytes(cloudpickle.dumps(result))
    (folder / "result.new").rename(folder / "result")
