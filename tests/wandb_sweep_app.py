"""A Hydra application whose trials are W&B runs of their own, and end as their number says."""

import os
import signal
import sys
from pathlib import Path

import hydra
import wandb
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ax_moo.run_names import trial_run_id
from ax_moo.wandb.note import joined_sweep
from ax_moo.wandb.service import QUIET_AND_BOUNDED

RAISES, IS_REQUEUED, IS_KILLED = 1, 2, 3


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> dict[str, float]:
    trial = HydraConfig.get().job.num
    folder = Path(hydra.utils.get_original_cwd(), HydraConfig.get().sweep.dir)
    run = wandb.init(
        project="search",
        id=trial_run_id(folder.name, folder, trial),
        group=folder.name,
        job_type="trial",
        resume="allow",
        dir=folder,
        config={"trial": trial, "x": config.x},
        settings=wandb.Settings(**QUIET_AND_BOUNDED, sweep_id=joined_sweep(folder, "search")),
    )
    run.log({"loss": config.x})
    begun = Path(HydraConfig.get().runtime.output_dir, "begun")
    first = not begun.exists()
    begun.touch()
    if trial == RAISES:
        run.finish(exit_code=1)
        raise ValueError("the training failed")
    if trial == IS_REQUEUED and first:
        run.mark_preempting()
        run.finish(exit_code=143)
        os.kill(os.getpid(), signal.SIGKILL)
    if trial == IS_KILLED:
        os.kill(os.getpid(), signal.SIGKILL)
    near, far = config.x**2, (config.x - 1) ** 2
    run.summary.update({"near": near, "far": far})
    run.finish()
    return {"near": near, "far": far}


if __name__ == "__main__":
    sys.exit(main())
