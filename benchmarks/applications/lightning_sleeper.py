"""A trial that imports torch and Lightning, as trainings do, and then sleeps: all else that it costs is overhead.

With ``wandb=true`` it is a W&B run too, offline.
"""

import json
import time
from pathlib import Path

import hydra
import pytorch_lightning
import torch
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

ConfigStore.instance().store(
    "lightning_sleeper", {"x": 0.5, "number": "${hydra:job.num}", "seconds": 0.5, "wandb": False, "records": "???"}
)


def train(config: DictConfig) -> float:
    began = time.time()
    time.sleep(config.seconds)
    record = {"began": began, "ended": time.time(), "versions": [torch.__version__, pytorch_lightning.__version__]}
    Path(config.records, f"{config.number}.json").write_text(json.dumps(record))
    return float(config.x)


@hydra.main(version_base="1.3", config_path=None, config_name="lightning_sleeper")
def main(config: DictConfig) -> float:
    if not config.wandb:
        return train(config)
    import wandb

    with wandb.init(mode="offline", project="overhead", dir=config.records, config={"x": config.x}) as run:
        value = train(config)
        run.log({"value": value})
    return value


if __name__ == "__main__":
    main()
