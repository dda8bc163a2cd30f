"""A Lightning logger for a W&B run that lets the training go on when W&B fails."""

import logging
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ax_moo.jobs.wandb_session import service_killed_after
from ax_moo.system.text import error_line
from ax_moo.wandb.service import GRACE, tear_down

log = logging.getLogger(__name__)

STEP = "trainer/global_step"


PACKAGE = "lightning.pytorch" if "lightning.pytorch" in sys.modules else "pytorch_lightning"
"""The Lightning that the application uses; the same code is published as two packages with separate classes."""

WandbLogger: Any = import_module(f"{PACKAGE}.loggers").WandbLogger
SIGTERMException: Any = import_module(f"{PACKAGE}.utilities.exceptions").SIGTERMException
"""What Lightning raises after SIGTERM."""


def rank() -> int:
    """The number of this process among those of a distributed training."""
    return int(import_module(f"{PACKAGE}.utilities").rank_zero_only.rank)


class TrainingLogger(WandbLogger):
    """Stops logging at the first error of W&B, after one warning, and lets the training go on."""

    def __init__(self, run: Any, finish_timeout: float) -> None:
        super().__init__(experiment=run, project=run.project, save_dir=None, id=run.id, name=run.name)
        self._patience = finish_timeout + GRACE
        self._is_broken = False
        self._attempt(self._define_axes)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._attempt(super().log_metrics, metrics, step)

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        self._attempt(super().log_hyperparams, *args, **kwargs)

    def finalize(self, status: str) -> None:
        self._attempt(super().finalize, status)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        self._attempt(super().after_save_checkpoint, checkpoint_callback)

    def summarize(self, outcome: Mapping[str, float]) -> None:
        values = {name: float(value) for name, value in outcome.items()}
        self._attempt(lambda: self.experiment.summary.update(values))

    def close(self, exit_code: int, preempted: bool = False) -> None:
        """End the run, so that a later training in this process does not write into it."""
        if preempted:
            self._attempt(lambda: self.experiment.mark_preempting())
        with service_killed_after(self._patience):
            self._attempt(lambda: self.experiment.finish(exit_code=exit_code))
        if self._is_broken:
            import wandb

            tear_down(wandb, self._patience)

    def _define_axes(self) -> None:
        # WandbLogger does this only for a run that it started itself.
        self.experiment.define_metric(STEP)
        self.experiment.define_metric("*", step_metric=STEP, step_sync=True)

    def _attempt(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        if self._is_broken:
            return
        try:
            call(*args, **kwargs)
        except Exception as error:
            self._is_broken = True
            log.warning(
                "W&B: %s; training goes on without it. Upload the data until now with: ax-moo wandb sync DIR",
                error_line(error),
            )
