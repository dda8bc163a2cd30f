"""Two trials never have the same folder: what ``hydra.sweep.subdir`` may be, before any job is submitted."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import OmegaConf

from ax_moo.search_space.space import SearchSpace
from ax_moo.session.job_config import check_composes
from ax_moo.session.subdir_check import first_folders
from ax_moo.system.errors import ConfigError
from ax_moo.system.hydra_internals import hydra_context

CONFIG = {"defaults": [{"model": "mlp"}, "_self_"], "lr": 0.1, "width": 8, "act": "relu", "name": "mine", "seed": 0}
SPACE = ("lr=interval(0, 1)", "width=int(interval(8, 64))")


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "model").mkdir()
    for model in ("mlp", "cnn"):
        (folder / f"model/{model}.yaml").write_text(f"name: {model}")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    return folder


def folders(
    conf: Path, subdir: str, *arguments: str, hydra: Sequence[str] = (), n_trials: int = 20, of: str = "/swept"
) -> list[str]:
    """The folders of the first trials, from a sweep's folder."""
    setup_globals()
    loader = hydra_context(str(conf)).config_loader
    options = [f"hydra.sweep.dir={of}", f"hydra.sweep.subdir={subdir}", *hydra]
    config = loader.load_configuration("config", options, RunMode.MULTIRUN)
    swept = arguments or SPACE
    space = SearchSpace.from_config({}, swept, loader)
    job_config = check_composes(config, loader, space, swept)
    return [str(each) for each in first_folders(config, job_config, loader, space, n_trials)]


def test_the_default_gives_each_trial_the_folder_of_its_number(conf: Path) -> None:
    assert folders(conf, "'${hydra.job.num}'", n_trials=3) == ["/swept/0", "/swept/1", "/swept/2"]


def test_a_folder_in_the_sweeps_is_named_as_the_sweeps_own_is(conf: Path) -> None:
    here = Path("../swept").absolute()
    assert folders(conf, "'x/../${hydra.job.num}'", n_trials=2, of="../swept") == [f"{here}/0", f"{here}/1"]
    beside = folders(conf, "'../trials/${hydra.job.num}'", n_trials=2, of="../swept")
    assert beside[0] == str(Path("..").resolve() / "trials/0")


@pytest.mark.parametrize(
    "subdir",
    [
        "'${hydra.job.id}'",
        "'${hydra:job.num}'",
        "'${now:%H-%M-%S}_${hydra.job.num}'",
        "'${model.name}/${hydra.job.num}'",
        "'${name}_${hydra.job.num}'",
        "'/scratch/mine/${hydra.job.num}'",
        "'../trials/${hydra.job.num}'",
        "'${hydra.job.override_dirname}'",
        "'${lr}/w${width}'",
        "'${oc.env:ONLY_A_JOB_HAS_THIS}'",
    ],
)
def test_a_folder_that_differs_between_trials_is_taken(conf: Path, subdir: str) -> None:
    folders(conf, subdir)


@pytest.mark.parametrize(
    ("subdir", "missing"),
    [
        ("'${name}'", "lr, width"),
        ("'${model.name}'", "lr, width"),
        ("'${width}'", "lr"),
        ("'${now:%H-%M-%S}'", "lr, width"),
        ("'${now:%f}_${lr}'", "width"),
        (".", "lr, width"),
        ("''", "lr, width"),
        ("/scratch/mine", "lr, width"),
        ("../shared", "lr, width"),
        ("'${hydra.job.num}/..'", "lr, width"),
        ("'${hydra.job.name}'", "lr, width"),
    ],
)
def test_a_folder_that_is_the_same_for_trials_that_differ_is_refused(conf: Path, subdir: str, missing: str) -> None:
    with pytest.raises(ConfigError) as refused:
        folders(conf, subdir)
    message = str(refused.value)
    assert message.startswith("hydra.sweep.subdir: must give every trial a folder of its own")
    assert f"trials that differ in {missing}; " in message
    assert message.endswith("hydra.sweep.subdir='${hydra.job.num}'")


def test_a_searched_key_that_is_left_out_of_override_dirname_is_named(conf: Path) -> None:
    left_out = "hydra.job.config.override_dirname.exclude_keys=[width]"
    with pytest.raises(ConfigError, match="differ in width;"):
        folders(conf, "'${hydra.job.override_dirname}'", hydra=[left_out])


@pytest.mark.parametrize(
    ("resolver", "space"),
    [
        (lambda number: number % 4, "width=int(interval(8, 64))"),
        (lambda number: number // 10, "width=range(8, 64, 2)"),
        (lambda number: min(number, 9), "width=choice(8, 16, 32)"),
    ],
    ids=["the rest of a division", "tens", "cut off"],
)
@pytest.mark.parametrize("of", ["hydra.job.num", "width"])
@pytest.mark.filterwarnings("ignore:register_new_resolver")
def test_numbers_and_values_that_a_resolver_makes_the_same_are_refused(
    conf: Path, resolver: Callable[[int], int], space: str, of: str
) -> None:
    OmegaConf.register_new_resolver("shortened", resolver, replace=True)
    with pytest.raises(ConfigError, match="differ in width;"):
        folders(conf, f"'${{shortened:${{{of}}}}}'", space)


def test_every_option_of_a_group_must_have_a_folder_of_its_own(conf: Path) -> None:
    assert folders(conf, "'${model.name}'", "model=choice(mlp, cnn)") == ["/swept/mlp"]
    with pytest.raises(ConfigError, match="differ in model;"):
        folders(conf, "'${act}'", "model=choice(mlp, cnn)")


@pytest.mark.parametrize(
    ("subdir", "own"),
    [
        (".submitit/${hydra.job.num}", ".submitit"),
        ("x/../wandb/${hydra.job.num}", "wandb"),
        ("sweep.jsonl/${hydra.job.num}", "sweep.jsonl"),
        ("report.html/${hydra.job.num}", "report.html"),
        ("/swept/lock/${hydra.job.num}", "lock"),
    ],
)
def test_a_folder_that_is_the_sweeps_own_is_refused(conf: Path, subdir: str, own: str) -> None:
    with pytest.raises(ConfigError, match=f"must not lead to {own}, which is the sweep's own"):
        folders(conf, f"'{subdir}'")


def test_a_folder_whose_name_no_file_system_takes_is_refused(conf: Path) -> None:
    space = [f"+a_parameter_with_a_long_name_{number}=interval(0, 1)" for number in range(9)]
    with pytest.raises(ConfigError, match=r"at most 255 bytes, got .*override_dirname.* which gives one of \d{3} "):
        folders(conf, "'${hydra.job.override_dirname}'", *space)


def test_a_folder_whose_name_is_too_long_with_the_digits_of_a_trial_is_refused(conf: Path) -> None:
    space = [f"+p{number}=interval(0, 1)" for number in range(12)]
    with pytest.raises(ConfigError, match=r"at most 255 bytes, got .*override_dirname.* which gives one of \d{3} "):
        folders(conf, "'${hydra.job.override_dirname}'", *space)
    options = f"+long=choice(short, {'l' * 250})"
    with pytest.raises(ConfigError, match="at most 255 bytes"):
        folders(conf, "'${hydra.job.override_dirname}'", options)
    folders(conf, "'${hydra.job.override_dirname}'", *space[:10])


def test_a_folder_that_no_trial_can_resolve_is_refused(conf: Path) -> None:
    with pytest.raises(ConfigError, match=r"hydra\.sweep\.subdir: .*'nope' not found; give a value"):
        folders(conf, "'${nope}'")


def test_the_running_process_keeps_its_own_config(conf: Path) -> None:
    before = HydraConfig.instance().cfg
    folders(conf, "'${hydra:job.num}'")
    assert HydraConfig.instance().cfg is before
