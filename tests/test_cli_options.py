"""Every option of a choice is tried before the first job, and so are the variables that jobs are to have."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import SWEEPER, Ended, command_line
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf

from ax_moo.search_space.space import SearchSpace
from ax_moo.session.options import MOST, check_every_option, unresolvable

APP = """
import enum
import warnings
from dataclasses import dataclass, field
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore

warnings.filterwarnings("ignore", message="The version_base parameter is deprecated")


class Act(enum.Enum):
    RELU = 1
    TANH = 2


@dataclass
class Config:
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"model": "mlp"}])
    x: float = 1.0
    layers: int = 1
    act: Act = Act.RELU
    size: str = "small"
    sizes: dict[str, int] = field(default_factory=lambda: {"small": 1, "large": 2})
    width: str = "${sizes.${size}}"
    unused: str = "${nowhere}"
    in_job: str = "${oc.env:ONLY_IN_A_JOB}"
    model: Any = None


ConfigStore.instance().store(name="config", node=Config)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    return float(config.x)


main()
"""
X = "x=interval(0,1)"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    models = {
        "mlp": {"width": 3},
        "cnn": {"width": "${model.depth}"},
        "resnet": {"defaults": ["layers"], "width": 3},
        "wide": {"width": "${oc.env:ONLY_IN_A_JOB}"},
    }
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "app.py").write_text(APP)
    for name, model in models.items():
        (tmp_path / f"conf/model/{name}.yaml").write_text(yaml.safe_dump(model))
    return tmp_path / "app.py"


def sweep(app: Path, *arguments: str) -> Ended:
    few = ("hydra.sweeper.n_trials=2", "hydra.sweeper.method=sobol", "hydra.sweeper.report=false")
    asked = ("-m", "hydra/sweeper=ax_moo", "hydra.sweep.dir=sweep", *few, *arguments)
    return command_line(*SWEEPER).run(app.parent, *asked, app=app)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("act=RELU,TANH,GELU", "with act=GELU the config of a trial cannot be composed: "),
        ("act=RELU,TANH,GELU", "GELU', expected one of [RELU, TANH]"),
        ("layers=choice(1,2,many)", "with layers=many the config of a trial cannot be composed: "),
        ("size=small,large,huge", "width: Interpolation key 'sizes.huge' not found"),
        ("model=mlp,cnn", "with model=cnn the config of a trial cannot be composed: model.width: Interpolation key"),
        ("model=mlp,resnet", "with model=resnet the config of a trial cannot be composed: "),
        ("size=small,'${nope}'", "size: Interpolation key 'nope' not found"),
    ],
)
def test_an_option_that_no_trial_could_use_is_found_before_the_first_job(app: Path, argument: str, words: str) -> None:
    ended = sweep(app, X, argument)
    assert (ended.code, ended.stdout) == (2, "")
    (message,) = ended.stderr.splitlines()
    assert message.startswith(f"hydra/sweeper=ax_moo: {argument}: ")
    assert words in message
    assert not (app.parent / "sweep").exists()


def test_what_only_a_job_knows_and_what_nobody_asks_for_is_no_mistake(app: Path) -> None:
    ended = sweep(app, X, "model=mlp,wide", "size=small,large", "act=RELU,TANH", "+hydra.job.env_set.A=${oc.env:NO}")
    assert "cannot be" not in ended.stderr
    assert (app.parent / "sweep/sweep.jsonl").exists()


def test_the_first_option_is_tried_too(app: Path) -> None:
    ended = sweep(app, X, "model=cnn,mlp")
    assert ended.code == 2
    assert "with model=cnn the config of a trial cannot be resolved: model.width: Interpolation key" in ended.stderr


def test_a_variable_for_jobs_that_cannot_be_resolved_is_found_before_the_first_job(app: Path) -> None:
    ended = sweep(app, X, "+hydra.job.env_set.DATA=${nowhere.data}", "+hydra.job.env_set.N=${hydra:job.num}")
    assert ended.code == 2
    assert "hydra.job.env_set.DATA: Interpolation key 'nowhere.data' not found; give a value" in ended.stderr
    assert not (app.parent / "sweep").exists()


def test_n_initial_of_a_config_file_means_nothing_to_sobol_and_that_is_said_once(app: Path) -> None:
    ended = sweep(app, X, "hydra.sweeper.n_initial=5")
    assert ended.code == 0, ended.stderr
    log = (ended.stdout + ended.stderr).count("n_initial=5 means nothing with method=sobol, which has no model")
    assert log == 1


class CountingLoader:
    """An application with one group of many options, which counts its compositions."""

    def __init__(self, options: int) -> None:
        self.names = [f"m{index}" for index in range(options)]
        self.compositions = 0

    def get_group_options(self, group: str) -> list[str]:
        return self.names if group == "model" else []

    def load_sweep_config(self, config: DictConfig, overrides: list[str]) -> DictConfig:
        self.compositions += 1
        return config


def test_many_options_do_not_take_long() -> None:
    loader: Any = CountingLoader(1000)
    config = OmegaConf.create({"model": "m0", "n": 0, "hydra": {}})
    numbers = ",".join(map(str, range(1000)))
    space = SearchSpace.from_config({"model": ",".join(loader.names), "n": numbers}, [])
    check_every_option(config, loader, space, [], config)
    assert loader.compositions <= MOST + 2


@pytest.mark.filterwarnings("ignore:register_new_resolver")  # OmegaConf 2.4 has another name for it
def test_what_the_application_or_a_resolver_gives_is_left_to_the_job() -> None:
    calls: list[str] = []
    OmegaConf.register_new_resolver("slow", calls.append)
    given = {"classes": "???", "slow": "${slow:1}"}
    texts = {**given, "out": "${classes}", "a": "${slow}", "b": "${slow.key}", "c": "${n}"}
    assert list(unresolvable(OmegaConf.create(texts))) == ["c"]
    assert calls == []


class LoaderWithoutDefault(CountingLoader):
    """The group must be chosen, and the application never asks for ``unused``."""

    def load_sweep_config(self, config: DictConfig, overrides: list[str]) -> DictConfig:
        if not overrides:
            raise ConfigCompositionException("You must specify 'model'")
        return config


def test_what_no_option_resolves_is_no_mistake_of_a_group_without_a_default() -> None:
    loader: Any = LoaderWithoutDefault(2)
    config = OmegaConf.create({"model": "m0", "unused": "${nowhere}", "hydra": {}})
    space = SearchSpace.from_config({"model": "m0,m1"}, [])
    check_every_option(config, loader, space, [], config)


def test_only_what_leads_nowhere_is_unresolvable() -> None:
    texts = {"a": "${b.c}", "b": {"c": "${d}", "e": ["${a}", "${nope}"]}, "d": 1, "f": "${oc.env:NOPE}", "h": "???"}
    config = OmegaConf.create({**texts, "i": None, "hydra": {"x": "${nope}"}})
    assert list(unresolvable(config)) == ["b.e.1"]
