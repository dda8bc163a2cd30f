"""Where the curves of a training go: a CSV file, Weights & Biases, or nowhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from omegaconf import DictConfig
from pytorch_lightning.loggers import CSVLogger, Logger

Outcome = dict[str, float]


@dataclass(frozen=True)
class RunLogger:
    """What Lightning logs to, and what takes the objectives once they are known."""

    logger: Logger | None = None
    finish: Callable[[Outcome], None] = lambda outcome: None


@contextmanager
def build_logger(config: DictConfig) -> Iterator[RunLogger]:
    """The logger of one training. The context ends with the training's exception, if it had one."""
    if config.logger.kind == "csv":
        # Lightning numbers the versions: a training that goes on after a requeue keeps its first rows.
        yield RunLogger(CSVLogger(save_dir=config.output_dir, name="csv"))
    elif config.logger.kind == "wandb":
        # Imported only here: wandb is an extra, and costs a second.
        from ax_moo.wandb.training_run import finish_summary, wandb_run

        with wandb_run(config) as logger:
            yield RunLogger(logger, lambda outcome: finish_summary(logger, outcome))
    else:
        yield RunLogger()
