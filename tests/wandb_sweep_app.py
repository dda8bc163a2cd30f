"""A Hydra application whose trials are W&B runs, and end as their number says; with +alone they are none."""

import os
import signal
import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

RAISES, IS_REQUEUED, IS_KILLED = 1, 2, 3


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> dict[str, float]:
    near, far = config.x**2, (config.x - 1) ** 2
    if config.get("alone"):
        while Path("hold").exists():
            time.sleep(0.05)
        return {"near": near, "far": far}
    return as_a_run(config, near, far)


def as_a_run(config: DictConfig, near: float, far: float) -> dict[str, float]:
    import wandb

    from ax_moo.wandb.run_state import joined_sweep
    from ax_moo.wandb.service import QUIET_AND_BOUNDED
    from ax_moo.wandb.settings import trial_run_id

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
    run.summary.update({"near": near, "far": far})
    run.finish()
    return {"near": near, "far": far}


if __name__ == "__main__":
    sys.exit(main())
