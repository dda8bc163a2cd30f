"""SweepCallback in a real Lightning training: it reports, it stops, and outside a sweep it is not there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from nas_config import HYDRA_WARNINGS, LIGHTNING_WARNINGS, hydra_job
from pytorch_lightning import LightningModule, Trainer

from ax_moo import measurements
from ax_moo.lightning import SweepCallback

pytestmark = pytest.mark.filterwarnings(*HYDRA_WARNINGS, *LIGHTNING_WARNINGS)


class Counter(LightningModule):
    """Logs how many epochs it has seen, as `val_acc`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log_dict({"val_acc": self.current_epoch / 10, "val/loss": 1.0}, batch_size=1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class OneBatch:
    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[torch.Tensor]:
        yield torch.ones(1, 1)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Path]:
    with hydra_job(tmp_path):
        yield tmp_path


def fit(metrics: Any, **options: Any) -> Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    callback = SweepCallback(metrics)
    settings = {"max_epochs": 3, "log_every_n_steps": 1, "accelerator": "cpu"} | quiet | options
    trainer = Trainer(callbacks=[callback], enable_model_summary=False, **settings)
    trainer.fit(Counter(), OneBatch(), OneBatch())
    return trainer


def reported(folder: Path) -> list[tuple[int, dict[str, float]]]:
    return [(row.step, row.metrics) for row in measurements.read(folder)[0]]


def test_every_validation_is_reported_at_its_epoch_counted_from_one(trial: Path) -> None:
    fit(["val_acc"])
    assert reported(trial) == [(step, {"val_acc": pytest.approx((step - 1) / 10)}) for step in (1, 2, 3)]


def test_the_sanity_check_before_training_is_not_reported(trial: Path) -> None:
    fit(["val_acc"], num_sanity_val_steps=1, max_epochs=1)
    assert len(reported(trial)) == 1


def test_a_validation_without_training_is_not_reported(trial: Path) -> None:
    trainer = fit(["val_acc"], max_epochs=1)
    trainer.validate(Counter(), OneBatch(), verbose=False)
    assert len(reported(trial)) == 1


def test_several_metrics_with_any_name_go_into_one_measurement(trial: Path) -> None:
    fit(["val_acc", "val/loss"], max_epochs=1)
    assert reported(trial) == [(1, {"val_acc": 0.0, "val/loss": 1.0})]


def test_one_metric_may_be_given_by_its_name_alone(trial: Path) -> None:
    fit("val_acc", max_epochs=1)
    assert reported(trial) == [(1, {"val_acc": 0.0})]


def test_training_ends_at_the_validation_after_the_sweep_asked_for_it(trial: Path) -> None:
    measurements.request_stop(trial)
    trainer = fit(["val_acc"])
    assert trainer.should_stop
    assert [step for step, _ in reported(trial)] == [1]


def test_a_misspelt_metric_is_named_with_those_that_were_logged(trial: Path) -> None:
    with pytest.raises(ValueError, match=r"must be names that were logged .*\(val/loss, val_acc\), got val_accuracy$"):
        fit(["val_accuracy"])


@pytest.mark.parametrize(("mode", "sweeper"), [("RUN", "ax_moo"), ("MULTIRUN", "basic")])
def test_outside_a_sweep_of_ours_the_training_runs_as_if_the_callback_were_not_there(
    tmp_path: Path, mode: str, sweeper: str
) -> None:
    measurements.request_stop(tmp_path)
    with hydra_job(tmp_path, mode, sweeper):
        trainer = fit(["misspelt"])
    assert trainer.current_epoch == 3
    assert reported(tmp_path) == []
