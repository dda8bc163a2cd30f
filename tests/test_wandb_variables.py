"""The variables by which a trial of any application is a W&B run of the sweep, as Hydra gives them to the trial."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import open_dict

from ax_moo.system.hydra_internals import hydra_context
from ax_moo.wandb.settings import Mode, WandbSettings, run_id_prefix
from ax_moo.wandb.trial_variables import set_for_trials


@pytest.mark.parametrize("folder", ["plain", 'it\'s ${a} "sweep", with: all {of} it\\', "\\"])
def test_any_name_of_a_sweep_reaches_its_trials(folder: str, tmp_path: Path) -> None:
    values = variables_of_trial(3, WandbSettings(enabled=True, project="p"), tmp_path / folder)
    assert values == {
        "WANDB_RUN_ID": f"{run_id_prefix(folder, tmp_path / folder, 'new')}-3",
        "WANDB_NAME": f"{folder}-3",
        "WANDB_RUN_GROUP": folder,
        "WANDB_JOB_TYPE": "trial",
        "WANDB_RESUME": "allow",
        "WANDB_PROJECT": "p",
    }


def test_what_the_user_has_set_comes_before_what_the_sweep_would_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_RUN_GROUP", "mine")
    own = ("+hydra.job.env_set.WANDB_RUN_ID=x-${hydra.job.num}", "+hydra.job.env_set.WANDB_PROJECT=q")
    values = variables_of_trial(3, WandbSettings(enabled=True, project="p"), tmp_path, *own)
    assert (values["WANDB_RUN_GROUP"], values["WANDB_RUN_ID"], values["WANDB_PROJECT"]) == ("mine", "x-3", "q")
    assert (values["WANDB_NAME"], "WANDB_RESUME" in values) == (f"{tmp_path.name}-3", False)


@pytest.mark.parametrize("settings", [WandbSettings(), WandbSettings(enabled=True, mode=Mode.DISABLED)])
def test_without_wandb_trials_have_none_of_it(settings: WandbSettings, tmp_path: Path) -> None:
    assert variables_of_trial(0, settings, tmp_path) == {}


def variables_of_trial(trial: int, settings: WandbSettings, folder: Path, *overrides: str) -> Mapping[str, str]:
    """What the job of a trial sets, as any of Hydra's launchers composes its config."""
    app = folder.parent / "app"
    app.mkdir(exist_ok=True)
    (app / "config.yaml").write_text("{}")
    setup_globals()
    loader = hydra_context(str(app)).config_loader
    config = loader.load_configuration("config", list(overrides), RunMode.MULTIRUN)
    set_for_trials(config, settings, folder, "new")
    of_trial = loader.load_sweep_config(config, [])
    with open_dict(of_trial):
        of_trial.hydra.job.num = trial
    return dict(of_trial.hydra.job.env_set)
