"""A Lightning application that knows nothing of nas: a config of its own, and either of Lightning's two names."""

import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import hydra
import torch
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from ax_moo.wandb import TrainingRunSettings, summarize, training_run

TRACKING = {"project": "of-others", "tags": ["small"], "settings": {"api_key": None}}
ConfigStore.instance().store(
    "config", {"lightning": "pytorch_lightning", "then": "finish", "tracking": {"wandb": TRACKING}}
)


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(config: DictConfig) -> float:
    lightning: Any = importlib.import_module(config.lightning)
    settings = TrainingRunSettings.from_config(config, "tracking.wandb")
    with training_run(settings, config) as logger:
        print("a logger of its own Lightning:", isinstance(logger, lightning.loggers.WandbLogger))
        print("Lightning was imported twice:", {"lightning.pytorch", "pytorch_lightning"} <= sys.modules.keys())
        trainer = lightning.Trainer(
            logger=logger or False,
            max_epochs=2,
            log_every_n_steps=1,
            accelerator="cpu",
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(model(lightning, config.then), OneBatch())
        summarize(logger, {"error": trainer.callback_metrics["loss"]})
    return float(trainer.callback_metrics["loss"])


class OneBatch:
    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[torch.Tensor]:
        yield torch.ones(1, 1)


def model(lightning: Any, then: str) -> Any:
    class Model(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
            loss = self.layer(batch).square().sum()
            self.log("loss", loss, on_step=False, on_epoch=True, batch_size=1)
            if self.current_epoch == 1:
                end(then)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Model()


def end(then: str) -> None:
    if then == "raise":
        raise ValueError("the training failed")
    if then == "requeue":
        sys.exit(-1)
    if then == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)


main()
