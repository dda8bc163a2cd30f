"""All unknown keys of the sweeper's config are told at once, each with what takes its place."""

from typing import Any

import pytest

from ax_moo.problem.objectives import Objective, read_objectives
from ax_moo.session.unknown_keys import check_known
from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.one_hydra

OPTUNA = {
    "sampler": {"_target_": "optuna.samplers.TPESampler", "seed": 123, "n_startup_trials": 20, "multivariate": True},
    "direction": ["maximize", "minimize"],
    "storage": "postgresql://me:secret@host/db",
    "study_name": "mnist",
    "n_trials": 20,
    "params": {"lr": "interval(0.001, 0.1)"},
}
AX = {
    "max_batch_size": 8,
    "ax_config": {
        "max_trials": 50,
        "early_stop": {"minimize": False, "max_epochs_without_improvement": 10},
        "experiment": {"minimize": False, "objective_name": "acc", "something": 1},
        "client": {"random_seed": 1},
        "params": {"x": {"type": "range", "bounds": [0, 1]}},
        "is_noisy": False,
    },
}
NEVERGRAD = {
    "optim": {"optimizer": "OnePlusOne", "budget": 100, "num_workers": 4, "maximize": True, "noisy": True},
    "parametrization": {"db": ["mnist", "cifar"], "lr": {"init": 0.02, "step": 2.0, "log": True}},
    "version": 1,
}
DIRECTIONS = (("maximize", True), ("minimize", False), ("directions", ["maximize"]), ("objective_name", "acc"))


def message(options: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        check_known({"_target_": "x", **options})
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_key_of_an_optuna_sweeper_is_answered_in_one_message() -> None:
    told = message(OPTUNA)
    assert told.startswith("hydra.sweeper: 7 keys are unknown: ")
    for words in (
        "sampler._target_ (write method: auto)",
        "sampler.seed (write seed: 123)",
        "sampler.n_startup_trials (write n_initial: 20)",
        "sampler.multivariate (leave it out, because it belongs to Optuna's sampler)",
        "storage (leave it out, because every trial is in sweep.jsonl",
        "study_name (name the folder",
        "direction (must be one direction, got 2; write objectives: {NAME: {direction: maximize}, NAME: {direction:",
    ):
        assert words in told
    assert "secret" not in told


def test_every_key_of_an_ax_sweeper_is_answered_in_one_message() -> None:
    told = message(AX)
    for words in (
        "max_batch_size (write n_jobs: 8)",
        "ax_config.max_trials (write n_trials: 50)",
        "ax_config.early_stop.max_epochs_without_improvement (write stop_when.no_improvement: 10)",
        "ax_config.experiment.minimize (write objectives: {NAME: {direction: maximize}}",
        "ax_config.experiment.something (leave it out, or",
        "ax_config.client.random_seed (write seed: 1)",
        "ax_config.params (write params)",
        "ax_config.is_noisy (leave it out, because noise is estimated",
    ):
        assert words in told


def test_every_key_of_a_nevergrad_sweeper_is_answered_in_one_message() -> None:
    told = message(NEVERGRAD)
    for words in (
        "optim.optimizer (write method",
        "optim.budget (write n_trials: 100)",
        "optim.num_workers (write n_jobs: 4)",
        "optim.maximize (write objectives",
        "parametrization (write params",
        "version (leave it out)",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *(({key: value}, f"{key}: unknown key; write objectives: {{NAME: {{direction") for key, value in DIRECTIONS),
        ({"experiment": {"minimize": False}}, "experiment.minimize: unknown key; write objectives: {NAME: {direction"),
        ({"budget": 9}, "budget: unknown key; write n_trials: 9"),
        ({"max_trials": 9}, "max_trials: unknown key; write n_trials: 9"),
        ({"client": {"random_seed": 9}}, "client.random_seed: unknown key; write seed: 9"),
    ],
)
def test_a_key_that_was_moved_out_of_its_section_is_answered_as_there(options: dict[str, Any], words: str) -> None:
    assert words in message(options)


def test_unknown_keys_of_objectives_params_and_wandb_are_in_the_same_message() -> None:
    told = message(
        {
            "n_trial": 3,
            "objectives": {"acc": {"directoin": "maximize", "minimize": True}},
            "params": {"lr": {"type": "float", "low": 0, "high": 1}, "n": {"bounds": [1, 2], "log": True}},
            "wandb": {"enable": True},
        }
    )
    for words in (
        "n_trial (did you mean 'n_trials'?)",
        "objectives.acc.directoin (did you mean 'direction'?)",
        "objectives.acc.minimize (write direction: minimize or maximize)",
        "params.lr.type (write type: range)",
        "params.lr.low (write bounds: [LOW, HIGH])",
        "params.n.log (write log_scale)",
        "wandb.enable (did you mean 'enabled'?)",
        "; valid: objectives, direction, ",
    ):
        assert words in told


def test_one_unknown_key_is_told_with_all_valid_ones_or_with_its_successor() -> None:
    assert message({"n_trial": 3}).startswith("hydra.sweeper.n_trial: unknown key; did you mean 'n_trials'? valid: ")
    migrate = "; ax-moo migrate CONFIG.yaml rewrites a config of another sweeper"
    assert message({"optim": {"budget": 9}}) == f"hydra.sweeper.optim.budget: unknown key; write n_trials: 9{migrate}"
    assert "ax-moo migrate" not in message({"n_trial": 3, "n_job": 4})


def test_known_keys_are_not_complained_of() -> None:
    check_known({"n_trials": 3, "direction": ["a", "b"], "objectives": 5, "params": {"x": 3, "y": {"value": 1}}})


@pytest.mark.parametrize("word", ["maximize", "Direction.maximize", "StudyDirection.MAXIMIZE"])
def test_a_direction_is_that_of_the_one_objective(word: str) -> None:
    assert read_objectives({}, word) == (Objective("objective", minimize=False),)
    assert read_objectives({"acc": {"direction": word}}) == (Objective("acc", minimize=False),)
    assert read_objectives({}, word.replace("max", "min").replace("MAX", "MIN")) == read_objectives({})


@pytest.mark.parametrize(
    ("direction", "objectives", "words"),
    [
        (["maximize", "minimize"], {}, "write objectives: {NAME: {direction: maximize}, NAME: {direction: minimize}}"),
        (["maximize"], {}, "write objectives: {NAME: {direction: maximize}}, with the names"),
        ("maximise", {}, "one of maximize, minimize, got 'maximise'; did you mean 'maximize'?"),
        (1, {}, "one of maximize, minimize, got 1"),
        ({"acc": "maximize"}, {}, "one of maximize, minimize"),
        ("maximize", {"acc": "maximize"}, "leave it out, because objectives give"),
    ],
)
def test_a_direction_that_cannot_be_meant_is_refused(direction: Any, objectives: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_objectives(objectives, direction)
    assert str(error.value).startswith("hydra.sweeper.direction: ")
    assert words in str(error.value)
