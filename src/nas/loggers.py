"""Creates the logger of a training: a CSV file, Weights & Biases, or none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from omegaconf import DictConfig
from pytorch_lightning.loggers import CSVLogger, Logger

from ax_moo.system.errors import ConfigError
from ax_moo.wandb import TrainingRunSettings, summarize, training_run
from nas.checks import InvalidConfig

Outcome = dict[str, float]


@dataclass(frozen=True)
class RunLogger:
    """The logger for Lightning, and the function that takes the objectives at the end."""

    logger: Logger | None = None
    finish: Callable[[Outcome], None] = lambda outcome: None


@contextmanager
def build_logger(config: DictConfig) -> Iterator[RunLogger]:
    """A context with the logger of one training; an exception of the training passes through it."""
    if config.logger.kind == "csv":
        # Lightning numbers the versions, so that a requeued training keeps its first rows.
        yield RunLogger(CSVLogger(save_dir=config.output_dir, name="csv"))
    elif config.logger.kind == "wandb":
        with training_run(_wandb_settings(config), config) as logger:
            yield RunLogger(logger, lambda outcome: summarize(logger, outcome))
    else:
        yield RunLogger()


def _wandb_settings(config: DictConfig) -> TrainingRunSettings:
    try:
        return TrainingRunSettings.from_config(config, "logger")
    except ConfigError as error:
        raise InvalidConfig(str(error)) from None
