"""The sweeper's config as people write it: without a plus, with objects among the values, and from another sweeper."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import SWEEPER, Ended, command_line

APP = """
import warnings

import hydra

warnings.filterwarnings("ignore", message="The version_base parameter is deprecated")


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    value = float(config.x)
    if config.returns == "number":
        return value
    return {"val/acc": value, "size": -value}


main()
"""
CONFIG = {"x": 1.0, "returns": "mapping", "opt": {"_target_": "torch.optim.Adam", "lr": 0.1}}
OBJECTIVES = "{val/acc: {direction: maximize}, size: {direction: minimize}}"
X = "x=interval(0,1)"
PAIR = "hydra.sweeper.objectives.size.direction=minimize"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "conf/config.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path / "app.py"


def write_config(app: Path, sweeper: Mapping[str, Any], **keys: Any) -> None:
    """The application's config with an ax_moo sweeper in it, without a word on the command line."""
    defaults = [{"override hydra/sweeper": "ax_moo"}, "_self_"]
    config = {"defaults": defaults, **CONFIG, **keys, "hydra": {"sweeper": sweeper}}
    (app.parent / "conf/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def sweep(app: Path, *arguments: str) -> Ended:
    few = ("hydra.sweeper.n_trials=2", "hydra.sweeper.method=sobol", "hydra.sweeper.report=false")
    return command_line(*SWEEPER).run(app.parent, "-m", "hydra.sweep.dir=sweep", *few, *arguments, app=app)


def problem(app: Path) -> dict[str, Any]:
    header = json.loads((app.parent / "sweep/sweep.jsonl").read_text().splitlines()[0])
    found: dict[str, Any] = header["problem"]
    return found


def directions(app: Path) -> dict[str, str]:
    return {each["name"]: "minimize" if each["minimize"] else "maximize" for each in problem(app)["objectives"]}


def test_objectives_and_params_need_no_plus_on_the_command_line(app: Path) -> None:
    params = "hydra.sweeper.params={x: 'tag(log, interval(1e-4, 1e-1))'}"
    ended = sweep(app, "hydra/sweeper=ax_moo", f"hydra.sweeper.objectives={OBJECTIVES}", params)
    assert ended.code == 0, ended.stderr
    assert directions(app) == {"val/acc": "maximize", "size": "minimize"}
    (parameter,) = problem(app)["search_space"]["parameters"]
    assert (parameter["name"], parameter["log_scale"]) == ("x", True)


def test_their_keys_can_be_given_one_by_one(app: Path) -> None:
    lr = 'hydra.sweeper.params.x="tag(log, interval(1e-4, 1e-1))"'
    ended = sweep(app, "hydra/sweeper=ax_moo", PAIR, lr)
    assert ended.code == 0, ended.stderr
    assert directions(app) == {"size": "minimize"}


def test_a_parameter_with_dots_wins_over_that_of_the_config(app: Path) -> None:
    write_config(app, {"params": {"opt.lr": "interval(1, 2)"}})
    ended = sweep(app, PAIR, 'hydra.sweeper.params.opt.lr="interval(3, 4)"')
    assert ended.code == 0, ended.stderr
    (parameter,) = problem(app)["search_space"]["parameters"]
    assert (parameter["name"], parameter["lower"]) == ("opt.lr", 3.0)


def test_they_are_added_to_those_of_a_sweeper_config_of_the_applications_own(app: Path) -> None:
    (app.parent / "conf/hydra/sweeper").mkdir(parents=True)
    own = {"defaults": ["ax_moo_defaults", "_self_"], "params": {"x": "interval(0, 1)"}}
    (app.parent / "conf/hydra/sweeper/ax_moo.yaml").write_text(yaml.safe_dump(own, sort_keys=False))
    ended = sweep(app, "hydra/sweeper=ax_moo", f"hydra.sweeper.objectives={OBJECTIVES}")
    assert ended.code == 0, ended.stderr
    assert directions(app) == {"val/acc": "maximize", "size": "minimize"}


def test_a_choice_between_objects_is_no_object_that_hydra_makes(app: Path) -> None:
    optimizers = [{"_target_": "nowhere.Adam", "lr": 0.1}, {"_target_": "nowhere.SGD", "lr": 0.2}]
    write_config(app, {"params": {"opt": {"type": "choice", "values": optimizers}, "x": "interval(0, 1)"}})
    ended = sweep(app, PAIR)
    assert ended.code == 0, ended.stderr
    (opt, _) = problem(app)["search_space"]["parameters"]
    assert opt["values"] == optimizers


def test_a_config_of_the_optuna_sweeper_ends_in_one_message(app: Path) -> None:
    sampler = {"_target_": "optuna.samplers.TPESampler", "seed": 1}
    write_config(app, {"sampler": sampler, "direction": "maximize", "storage": None, "params": {"x": "interval(0, 1)"}})
    ended = sweep(app)
    assert ended.code == 2
    (message,) = ended.stderr.splitlines()
    assert "sampler._target_ (write method: auto); sampler.seed (write seed: 1); storage (leave it out" in message


def test_a_direction_alone_is_that_of_the_one_objective(app: Path) -> None:
    write_config(app, {"direction": "maximize", "params": {"x": "interval(0, 1)"}}, returns="number")
    ended = sweep(app)
    assert ended.code == 0, ended.stderr
    assert directions(app) == {"objective": "maximize"}
