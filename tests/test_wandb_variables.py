"""The variables by which a trial of any application is a W&B run of the sweep, as Hydra gives them to the trial."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict

from ax_moo.search_space.space import SearchSpace
from ax_moo.session.job_environment import check_ids_of_runs
from ax_moo.session.options import check_every_option
from ax_moo.system.errors import ConfigError
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


@pytest.mark.parametrize("name", ["WANDB_RUN_ID", "MLFLOW_RUN_ID"])
def test_one_run_for_all_trials_is_refused_with_the_remedy(name: str) -> None:
    remedy = re.escape(f"hydra.job.env_set.{name}: must differ from trial to trial, got 'mine'")
    fixed, own = (OmegaConf.create({"hydra": {"job": {"env_set": {name: id_}}}}) for id_ in ("mine", "m-${x}"))
    with pytest.raises(ConfigError, match=f"{remedy}.*write mine-.*hydra.job.num"):
        check_ids_of_runs(fixed)
    check_ids_of_runs(own)


@pytest.mark.parametrize("settings", [WandbSettings(), WandbSettings(enabled=True, mode=Mode.DISABLED)])
def test_without_wandb_trials_have_none_of_it(settings: WandbSettings, tmp_path: Path) -> None:
    assert variables_of_trial(0, settings, tmp_path) == {}


def test_what_an_option_of_a_searched_group_sets_is_left_to_the_options(tmp_path: Path) -> None:
    app = tmp_path / "app"
    (app / "model").mkdir(parents=True)
    (app / "config.yaml").write_text("defaults: [model: plain]")
    (app / "model/plain.yaml").write_text("x: 1")
    (app / "model/named.yaml").write_text(
        "# @package _global_\nhydra: {job: {env_set: {WANDB_NAME: 'named-${hydra.job.num}'}}}"
    )
    setup_globals()
    loader = hydra_context(str(app)).config_loader
    config = loader.load_configuration("config", [], RunMode.MULTIRUN)
    space = SearchSpace.from_config({}, ["model=choice(plain, named)"])
    names = check_every_option(config, loader, space, [], loader.load_sweep_config(config, ["model=plain"]))
    settings = WandbSettings(enabled=True, project="p", variables=names)
    set_for_trials(config, settings, tmp_path, "new")
    of_trial = loader.load_sweep_config(config, ["model=named"])
    assert OmegaConf.to_container(of_trial.hydra.job.env_set, resolve=False)["WANDB_NAME"] == "named-${hydra.job.num}"
    assert "WANDB_RUN_ID" in of_trial.hydra.job.env_set


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
