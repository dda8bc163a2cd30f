"""A Hydra application whose training only logs, and then ends in the way that ``then`` says."""

import os
import signal
import sys
import time
from pathlib import Path

import hydra
import psutil
from omegaconf import DictConfig, open_dict


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(config: DictConfig) -> float:
    with open_dict(config):
        then = config.pop("then", "finish")
    if then == "lack_wandb":
        sys.modules["wandb"] = None  # type: ignore[assignment]
    from ax_moo.wandb import TrainingRunSettings, summarize, training_run

    settings = TrainingRunSettings.from_config(config, "logger")
    begin = time.monotonic()
    with training_run(settings, config) as logger:
        print(f"started after {time.monotonic() - begin:.1f} s", flush=True)
        for step in range(3):
            if logger:
                logger.log_metrics({"val_acc": step / 10}, step=step)
        end(then)
        if logger:
            logger.log_metrics({"val_acc": 0.3}, step=3)
        summarize(logger, {"val_acc": 0.5, "num_params": 7.0})
        begin = time.monotonic()
    print(f"ended after {time.monotonic() - begin:.1f} s", flush=True)
    return 0.5


def end(then: str) -> None:
    if then == "raise":
        raise ValueError("the training failed")
    if then == "requeue":
        sys.exit(-1)
    if then == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    if then == "kill_service":
        services = [child for child in psutil.Process().children() if child.name() == "wandb-core"]
        for service in services:
            service.kill()
        psutil.wait_procs(services)
    if then == "wait":
        Path("waiting").touch()
        while Path("waiting").exists():
            time.sleep(0.05)


main()
