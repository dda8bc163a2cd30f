"""What the values of the config have to be, so that a mistake ends in one sentence and not inside Torch."""

import math
import os
from collections.abc import Callable
from typing import Any

import torch
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf

from nas.module import OPTIMIZERS


class InvalidConfig(CompactHydraException, ValueError):
    """A mistake of the user's. Hydra prints an exception of this kind as its message alone."""


Rule = tuple[str, Callable[[Any], bool]]


def check(config: DictConfig) -> None:
    """Raises InvalidConfig, naming the first key whose value cannot be trained with."""
    is_digits = OmegaConf.select(config, "data.name") == "digits"
    for key, (wanted, is_right) in (RULES | DIGITS_RULES if is_digits else RULES).items():
        value = OmegaConf.select(config, key)
        if not is_right(value):
            raise InvalidConfig(f"{key}={value}: it must be {wanted}.")
    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if config.trainer.accelerator == "gpu" and not has_gpu:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
        raise InvalidConfig(
            f"trainer.accelerator=gpu: Torch {torch.__version__} sees no GPU here (CUDA_VISIBLE_DEVICES: {visible}). "
            "Use trainer=cpu, or a job with a GPU and a build of Torch for it."
        )


def _whole(at_least: int) -> Rule:
    def is_right(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= at_least

    return f"a whole number of at least {at_least}", is_right


def _number(wanted: str, is_in_bounds: Callable[[float], bool]) -> Rule:
    def is_right(value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and math.isfinite(value) and is_in_bounds(value)

    return wanted, is_right


def _one_of(*names: str) -> Rule:
    return " or ".join(names), lambda value: value in names


def _whole_or_null(at_least: int) -> Rule:
    wanted, is_right = _whole(at_least)
    return f"{wanted}, or null", lambda value: value is None or is_right(value)


RULES: dict[str, Rule] = {
    "model.hidden_size_1": _whole(1),
    "model.hidden_size_2": _whole(1),
    "model.dropout": _number("a number from 0 up to, but not including, 1", lambda value: 0 <= value < 1),
    "model.learning_rate": _number("a number above 0", lambda value: value > 0),
    "model.optimizer": _one_of(*OPTIMIZERS),
    "data.name": _one_of("digits", "mnist"),
    "data.batch_size": _whole(1),
    "trainer.accelerator": _one_of("cpu", "gpu"),
    "trainer.max_epochs": _whole(1),
    "trainer.precision": _one_of("32-true", "64-true", "bf16-true", "bf16-mixed", "16-mixed"),
    "trainer.torch_threads": _whole_or_null(1),
    "logger.kind": _one_of("csv", "wandb", "none"),
    "seed": _whole_or_null(0),
}
DIGITS_RULES: dict[str, Rule] = {"data.num_train": _whole(1), "data.num_val": _whole(1)}
