"""Runs one training: it takes a config and returns the values of the objectives."""

import logging
import sys
import warnings
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.environments import LightningEnvironment

from ax_moo.lightning import SweepCallback
from nas.architecture import mlp, num_params
from nas.checks import check
from nas.data import ImageData, load
from nas.loggers import build_logger
from nas.module import Classifier


def run(config: DictConfig) -> dict[str, float]:
    """Run :func:`train` as a command. In a single run a mistake ends the process with code 2 and only its message.

    Hydra 1.4 would print a traceback above the message. In a trial the exception becomes the trial's reason.
    """
    try:
        return train(config)
    except CompactHydraException as error:
        if _is_trial():
            raise
        print(error, file=sys.stderr)
        sys.exit(2)


def train(config: DictConfig) -> dict[str, float]:
    """Train the network that the config describes, and return num_params and the last epoch's val_acc."""
    check(config)
    _quiet_lightning()
    if config.trainer.torch_threads is not None:
        torch.set_num_threads(config.trainer.torch_threads)
    data = load(config.data)
    if config.seed is not None:
        # The seed is set here, so that the network's first weights do not depend on how the data was loaded.
        seed_everything(config.seed, verbose=False)
    model = _model(config)
    with build_logger(config) as run:
        val_acc = _fit(config, model, data, run.logger)
        outcome = {"val_acc": val_acc, "num_params": float(num_params(model))}
        run.finish(outcome)
    if not _is_trial():
        print(f"val_acc {outcome['val_acc']:.4f}   num_params {outcome['num_params']:,.0f}")
    return outcome


def _model(config: DictConfig) -> Classifier:
    network = mlp(config.model.hidden_size_1, config.model.hidden_size_2, config.model.dropout)
    return Classifier(network, config.model.learning_rate, config.model.optimizer)


def _fit(config: DictConfig, model: Classifier, data: ImageData, logger: Logger | None) -> float:
    folder = Path(config.output_dir) / "checkpoints"
    last = folder / "last.ckpt"
    trainer = _trainer(config, logger, _callbacks(config, folder), len(data.train))
    # A requeued job runs again in the same folder, and goes on from the last whole epoch.
    resumed = last if last.exists() else None
    trainer.fit(model, data.train, data.val, ckpt_path=resumed, weights_only=False)
    if "val_acc" not in trainer.callback_metrics:
        # The earlier attempt ended between the last epoch's checkpoint and the result, so no epoch was left to train.
        trainer.validate(model, data.val, verbose=False)
    return float(trainer.callback_metrics["val_acc"])


def _callbacks(config: DictConfig, folder: Path) -> list[Callback]:
    callbacks: list[Callback] = [SweepCallback(metrics=list(config.callbacks.report))]
    if config.callbacks.checkpoint:
        # save_last=True alone would save at the end of the training, and not after each epoch.
        callbacks.append(ModelCheckpoint(folder, filename="last", enable_version_counter=False))
    return callbacks


def _trainer(config: DictConfig, logger: Logger | None, callbacks: list[Callback], num_batches: int) -> Trainer:
    return Trainer(
        accelerator=config.trainer.accelerator,
        devices=1,  # the first device that the job was given
        max_epochs=config.trainer.max_epochs,
        precision=config.trainer.precision,
        logger=logger or False,
        callbacks=callbacks,
        # One process trains one network. Lightning would choose its SLURMEnvironment, which insists on the job's
        # ntasks and requeues the job at the scheduler's warning signal, as submitit does already.
        plugins=[LightningEnvironment()],
        default_root_dir=config.output_dir,
        enable_checkpointing=config.callbacks.checkpoint,
        enable_progress_bar=_is_watched(),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=min(10, num_batches),
    )


def _is_trial() -> bool:
    return HydraConfig.initialized() and bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def _is_watched() -> bool:
    """Whether a user watches this training on a terminal; a trial of a sweep is not watched."""
    return sys.stdout.isatty() and not _is_trial()


def _quiet_lightning() -> None:
    """Silence the messages that Lightning prints at each start, because 48 trials would print them 48 times."""
    # These are the devices that were found, and tips.
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    # A job that runs again is meant to find its checkpoint.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    # Lightning asks for srun wherever it is installed, but a trial is one process under every launcher.
    warnings.filterwarnings("ignore", message="The `srun` command is available")
    # Lightning 2.6 calls a function that Torch 2.13 deprecates.
    warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
