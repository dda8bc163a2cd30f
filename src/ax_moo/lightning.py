"""The Lightning callback that connects a training with its sweep."""

from collections.abc import Sequence

from pytorch_lightning import Callback, LightningModule, Trainer

from ax_moo import measurements


class SweepCallback(Callback):
    """Reports metrics to the sweep at every validation, and ends the training when the sweep asks for it.

    A measurement's step is the number of epochs that have begun: 1 at a validation in or after the first epoch.
    Trials of one sweep are compared at equal steps. The callback does nothing outside a sweep.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        """``metrics`` are names of metrics that the LightningModule logs in ``validation_step`` or before."""
        self.metrics = [metrics] if isinstance(metrics, str) else list(metrics)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit" or measurements.trial_folder() is None:
            return
        if trainer.is_global_zero:
            measurements.report(trainer.current_epoch + 1, **self._measured(trainer))
        # One process decides for all, because a distributed training has to stop at the same epoch everywhere.
        if trainer.strategy.broadcast(measurements.should_stop()):
            trainer.should_stop = True

    def _measured(self, trainer: Trainer) -> dict[str, float]:
        logged = trainer.callback_metrics
        missing = [name for name in self.metrics if name not in logged]
        if missing:
            raise ValueError(
                f"SweepCallback: metrics must be names that were logged by the end of the validation "
                f"({', '.join(sorted(logged)) or 'none was logged'}), got {', '.join(missing)}"
            )
        return {name: float(logged[name]) for name in self.metrics}
