"""A training from config to objectives, in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from nas_config import HYDRA_WARNINGS, LIGHTNING_WARNINGS, composed, hydra_job

from ax_moo import measurements
from nas.checks import InvalidConfig
from nas.module import Classifier
from nas.train import train

pytestmark = [pytest.mark.filterwarnings(*HYDRA_WARNINGS, *LIGHTNING_WARNINGS), pytest.mark.one_hydra]


def preempt_in_third_epoch(model: Classifier) -> None:
    if model.current_epoch == 2:
        raise OSError("preempted")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def run(tmp_path: Path, data_dir: Path) -> Iterator["Run"]:
    threads = torch.get_num_threads()
    yield Run(tmp_path, data_dir)
    torch.set_num_threads(threads)


class Run:
    """Trains with `experiment=smoke` and the overrides it is called with, always in the same output folder."""

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self.folder = folder
        self.base = ("experiment=smoke", f"output_dir={folder}", f"data.dir={data_dir}")

    def __call__(self, *overrides: str) -> dict[str, float]:
        return train(composed(*self.base, *overrides))

    def rows(self, version: int = 0) -> list[str]:
        return (self.folder / f"csv/version_{version}/metrics.csv").read_text().splitlines()


def test_a_training_returns_the_objectives_as_plain_numbers(run: Run) -> None:
    outcome = run("model.hidden_size_1=16", "model.hidden_size_2=20")
    assert outcome["num_params"] == 784 * 16 + 16 + 16 * 20 + 20 + 10 * 20 + 10
    assert 0 < outcome["val_acc"] < 1
    assert {type(value) for value in outcome.values()} == {float}


def test_more_epochs_teach_more(run: Run, tmp_path: Path) -> None:
    once = run(f"output_dir={tmp_path}/1", "data.batch_size=32")
    assert run(f"output_dir={tmp_path}/2", "data.batch_size=32", "trainer.max_epochs=8")["val_acc"] > max(
        0.5, once["val_acc"]
    )


def test_the_same_seed_repeats_a_training_and_another_does_not(run: Run, tmp_path: Path) -> None:
    outcomes = [run(f"output_dir={tmp_path}/{n}", f"seed={seed}") for n, seed in enumerate([1, 1, 2])]
    assert outcomes[0] == outcomes[1] != outcomes[2]


def test_a_single_training_prints_its_result(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run()
    assert capsys.readouterr().out == f"val_acc {outcome['val_acc']:.4f}   num_params 52,650\n"


def test_a_trial_reports_and_prints_nothing(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    with hydra_job(run.folder):
        outcome = run("trainer.max_epochs=2")
    steps = measurements.read(run.folder)[0]
    assert [row.step for row in steps] == [1, 2]
    assert steps[-1].metrics == {"val_acc": pytest.approx(outcome["val_acc"])}
    assert capfd.readouterr() == ("", "")


def test_a_trial_that_is_asked_to_stop_returns_what_it_has(run: Run) -> None:
    measurements.request_stop(run.folder)
    with hydra_job(run.folder):
        outcome = run("trainer.max_epochs=50")
    assert len(measurements.read(run.folder)[0]) == 1
    assert 0 < outcome["val_acc"] < 1


def test_a_job_that_runs_again_in_its_folder_goes_on_after_its_last_whole_epoch(run: Run) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classifier, "on_train_epoch_start", preempt_in_third_epoch)
        with pytest.raises(OSError, match="preempted"):
            run("trainer.max_epochs=4")
    with hydra_job(run.folder):
        run("trainer.max_epochs=4")
    assert [row.step for row in measurements.read(run.folder)[0]] == [3, 4]
    assert len(run.rows(version=1)) > 1


def test_a_job_that_runs_again_after_its_last_epoch_returns_the_same_result(run: Run) -> None:
    assert run("trainer.max_epochs=2") == run("trainer.max_epochs=2")


def test_without_checkpoints_nothing_is_written_and_a_second_run_starts_anew(run: Run) -> None:
    first = run("callbacks.checkpoint=false", "logger=none")
    assert list(run.folder.iterdir()) == []
    assert run("callbacks.checkpoint=false", "logger=none") == first


def test_the_csv_logger_keeps_loss_and_accuracy(run: Run) -> None:
    run("logger=csv")
    assert {"train_loss", "val_acc", "val_loss"} <= set(run.rows()[0].split(","))


def test_torch_gets_the_threads_of_the_config(run: Run) -> None:
    run("trainer.torch_threads=2", "logger=none")
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.hidden_size_1=0", "model.hidden_size_1: must be a whole number of at least 1, got 0"),
        ("model.hidden_size_2=8.5", "model.hidden_size_2: must be a whole number of at least 1, got 8.5"),
        ("model.dropout=1.5", "model.dropout: must be a number from 0 up to"),
        ("model.learning_rate=0", "model.learning_rate: must be a number above 0, got 0"),
        ("model.learning_rate=fast", "model.learning_rate: must be a number above 0, got 'fast'"),
        ("model.optimizer=lion", "model.optimizer: must be one of adam, adamw, sgd, got 'lion'"),
        ("data.batch_size=0", "data.batch_size: must be a whole number of at least 1, got 0"),
        ("data.num_val=0", "data.num_val: must be a whole number of at least 1, got 0"),
        ("data.name=cifar", "data.name: must be one of digits, mnist, got 'cifar'"),
        ("trainer.max_epochs=0", "trainer.max_epochs: must be a whole number of at least 1, got 0"),
        ("trainer.torch_threads=0", "trainer.torch_threads: must be a whole number of at least 1, or null, got 0"),
        ("trainer.precision=8", "trainer.precision: must be one of 32-true,"),
        ("logger.kind=paper", "logger.kind: must be one of csv, wandb, none, got 'paper'"),
        ("seed=-1", "seed: must be a whole number of at least 0, or null, got -1"),
        ("~model.dropout", "model.dropout: must be a number from 0"),
    ],
)
def test_a_mistake_in_the_config_is_named_with_what_would_be_right(run: Run, override: str, message: str) -> None:
    with pytest.raises(InvalidConfig) as error:
        run(override)
    assert str(error.value).startswith(message)
    assert list(run.folder.iterdir()) == []


def test_the_gpu_trainer_without_a_gpu_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidConfig, match=r"sees no GPU here .*Use trainer=cpu"):
        run("trainer=gpu")
