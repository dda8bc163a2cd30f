"""Checks the values of the config, so that a mistake ends with one sentence and not with an error of Torch."""

import os

import torch
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf

from ax_moo.system.rules import Rule, number, number_above_0, one_of, or_null, whole_number
from nas.module import OPTIMIZERS


class InvalidConfig(CompactHydraException, ValueError):
    """A mistake of the user's in the config. Hydra prints only the message of this exception."""


def check(config: DictConfig) -> None:
    """Check the values of the config.

    Raises:
        InvalidConfig: a value is wrong; the message names its key.
    """
    is_digits = OmegaConf.select(config, "data.name") == "digits"
    for key, rule in (RULES | DIGITS_RULES if is_digits else RULES).items():
        value = OmegaConf.select(config, key)
        if not rule.holds(value):
            raise InvalidConfig(f"{key}: {rule.complaint(value)}")
    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if config.trainer.accelerator == "gpu" and not has_gpu:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
        raise InvalidConfig(
            f"trainer.accelerator=gpu: Torch {torch.__version__} sees no GPU here (CUDA_VISIBLE_DEVICES: {visible}). "
            "Use trainer=cpu, or a job with a GPU and a build of Torch for it."
        )


RULES: dict[str, Rule] = {
    "model.hidden_size_1": whole_number(1),
    "model.hidden_size_2": whole_number(1),
    "model.dropout": number("a number from 0 up to, but not including, 1", lambda value: 0 <= value < 1),
    "model.learning_rate": number_above_0(),
    "model.optimizer": one_of(OPTIMIZERS),
    "data.name": one_of(("digits", "mnist")),
    "data.batch_size": whole_number(1),
    "trainer.accelerator": one_of(("cpu", "gpu")),
    "trainer.max_epochs": whole_number(1),
    "trainer.precision": one_of(("32-true", "64-true", "bf16-true", "bf16-mixed", "16-mixed")),
    "trainer.torch_threads": or_null(whole_number(1)),
    "logger.kind": one_of(("csv", "wandb", "none")),
    "seed": or_null(whole_number(0)),
}
DIGITS_RULES: dict[str, Rule] = {"data.num_train": whole_number(1), "data.num_val": whole_number(1)}
