"""Every option in conf/ composes, and the search is the tutorial's."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import Ended, command_line
from hydra.core.override_parser.overrides_parser import OverridesParser
from nas_config import HYDRA_WARNINGS, ROOT, composed
from omegaconf import OmegaConf

from nas.checks import check

pytestmark = pytest.mark.filterwarnings(*HYDRA_WARNINGS)

CONF = ROOT / "conf"
OPTIONS = [str(path.relative_to(CONF).with_suffix("")) for path in sorted(CONF.rglob("*/*.yaml"))]
LAUNCHERS = ["hydra/launcher/async_local", "hydra/launcher/async_slurm", "hydra/launcher/basic"]


@pytest.mark.parametrize("option", OPTIONS + LAUNCHERS)
def test_every_option_composes_to_a_config_that_can_be_trained(option: str) -> None:
    group, _, name = option.rpartition("/")
    config = composed(f"{group}={name}", "output_dir=out")
    OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    OmegaConf.update(config, "trainer.accelerator", "cpu")
    check(config)


def test_by_default_the_digits_are_trained_on_the_cpu_and_launched_by_async_local() -> None:
    config = composed(return_hydra_config=True)
    choices = config.hydra.runtime.choices
    assert (choices.data, choices.trainer, choices.logger) == ("digits", "cpu", "csv")
    assert choices["hydra/launcher"] == "async_local"


def test_a_search_goes_to_the_folder_of_its_name_and_a_trial_to_its_number_in_it() -> None:
    config = composed("sweep_name=mine", "hydra.job.num=7", return_hydra_config=True)
    assert (config.hydra.sweep.dir, config.hydra.sweep.subdir) == ("sweeps/mine", "7")


def test_the_search_is_the_tutorials() -> None:
    sweeper = composed("hydra/sweeper=ax_moo", return_hydra_config=True).hydra.sweeper
    assert OmegaConf.to_container(sweeper.objectives) == {
        "val_acc": {"direction": "maximize", "threshold": 0.94},
        "num_params": {"direction": "minimize", "threshold": 80000},
    }
    assert (sweeper.n_trials, sweeper.n_jobs, sweeper.method) == (48, 4, "auto")
    assert sweeper._target_ == "hydra_plugins.ax_moo_sweeper.sweeper.AxMooSweeper"


def test_every_parameter_of_the_search_is_a_key_of_the_config_with_a_range() -> None:
    config = composed("hydra/sweeper=ax_moo", "output_dir=out", return_hydra_config=True)
    params = config.hydra.sweeper.params
    assert len(params) == 6
    for key, text in params.items():
        (override,) = OverridesParser.create().parse_overrides([f"{key}={text}"])
        assert override.is_sweep_override()
        assert OmegaConf.select(config, key, throw_on_missing=True) is not None


def test_one_training_from_the_command_line_prints_one_line(tmp_path: Path) -> None:
    done = train_from_cold(tmp_path, "experiment=smoke", "hydra/launcher=basic")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("val_acc 0.")
    assert done.stdout.endswith("num_params 52,650\n")


@pytest.mark.one_hydra
def test_trials_of_a_multirun_print_no_result(tmp_path: Path) -> None:
    done = train(tmp_path, "-m", "experiment=smoke", "hydra/launcher=basic", "sweep_name=two", "seed=0,1")
    assert done.code == 0, done.stderr
    assert "num_params" not in done.stdout
    assert sorted(path.name for path in (tmp_path / "sweeps/two").iterdir()) == ["0", "1", "multirun.yaml"]


@pytest.mark.one_hydra
def test_a_mistake_ends_in_one_message_without_a_traceback(tmp_path: Path) -> None:
    done = train(tmp_path, "model.hidden_size_1=0", "hydra/launcher=basic")
    assert done.code == 2
    assert done.stderr == "model.hidden_size_1: must be a whole number of at least 1, got 0\n"


def train_from_cold(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command: Sequence[str] = (sys.executable, str(ROOT / "train.py"), *arguments, f"data.dir={folder}/data")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def train(folder: Path, *arguments: str) -> Ended:
    forks = command_line("nas.train", "wandb")
    return forks.run(folder, *arguments, f"data.dir={folder}/data", app=ROOT / "train.py", seconds=300)
