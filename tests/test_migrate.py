"""A config of the Optuna, Ax or Nevergrad sweeper becomes one that Hydra composes with ours and our parser accepts.

The configs are written anew, each in the shape of a public one: facebookresearch/hydra's examples and tests,
ashleve/lightning-hydra-template, varun19299/rigl-reproducibility, csiro/orientation-uv-rppg and others.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml
from ax_moo_command import ax_moo
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf, open_dict

from ax_moo.migrating.migrate import migrated
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.session.unknown_keys import check_known
from ax_moo.sweep.settings import Settings
from ax_moo.system.errors import ConfigError

OPTUNA = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
AX = "hydra_plugins.hydra_ax_sweeper.ax_sweeper.AxSweeper"


def composed(text: str, folder: Path, name: str = "config.yaml", *overrides: str) -> dict[str, Any]:
    """``hydra.sweeper`` as Hydra composes it from the migrated file; our parsers have accepted it."""
    GlobalHydra.instance().clear()
    (folder / "config.yaml").write_text("lo: 0\n")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    # Hydra 1.4 warns when it is given a version_base, 1.3 when it is not.
    version = {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}
    with initialize_config_dir(str(folder), **version):
        config = compose("config", list(overrides), return_hydra_config=True)
    with open_dict(config):
        config.hydra.job.num = 0
    found: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    options = {key: value for key, value in found.items() if key != "_target_"}
    check_known(options)
    space = SearchSpace.from_config(options["params"], [] if options["params"] else ["x=choice(left, right)"])
    names = ("objectives", "outcome_constraints", "parameter_constraints", "direction")
    problem = Problem.from_config(space, *(options[name] for name in names))
    Settings.from_config(options, space, problem.parameter_constraints)
    assert found["_target_"].endswith("AxMooSweeper")
    return options


def given(options: Mapping[str, Any], *keys: str) -> list[Any]:
    return [options[key] for key in keys]


TEMPLATE = f"""\
# @package _global_

# python train.py -m hparams_search=digits experiment=small

defaults:
  - override /hydra/sweeper: optuna

# the metric that train returns
optimized_metric: "val/acc"

hydra:
  mode: "MULTIRUN"  # without -m, too

  sweeper:
    _target_: {OPTUNA}

    # where trials are kept
    storage: null
    study_name: digits

    # how many at once
    n_jobs: 1

    direction: maximize
    n_trials: 25

    # Bayesian
    sampler:
      _target_: optuna.samplers.TPESampler
      seed: 7
      n_startup_trials: 8 # before the model
      multivariate: true

    # what is searched
    params:
      model.lr: tag(log, interval(0.0001, 0.1))
      # powers of two
      data.batch_size: choice(32, 64, 128)
      #model.depth: choice(1, 2)
      model.width: range(32, 128, step=32)  # a grid

# below the sweeper
data: {{workers: 2}}
"""


def test_the_shape_of_lightning_hydra_template(tmp_path: Path) -> None:
    text = migrated(TEMPLATE)
    options = composed(text, tmp_path, "hparams_search/digits.yaml", "+hparams_search=digits")
    assert given(options, "n_trials", "n_jobs", "direction") == [25, 1, "maximize"]
    assert given(options, "seed", "n_initial", "method") == [7, 8, "auto"]
    assert options["params"] == {
        "model.lr": "tag(log, interval(0.0001, 0.1))",
        "data.batch_size": "choice(32, 64, 128)",
        "model.width": "range(32, 160, 32)",
    }
    kept = TEMPLATE[: TEMPLATE.index("  sweeper:\n")].replace("sweeper: optuna", "sweeper: ax_moo")
    assert text.startswith(kept)
    assert text.endswith("# below the sweeper\ndata: {workers: 2}\n")
    for comment in (
        "    # how many at once\n    n_jobs: 1\n",
        "n_initial: 8  # before the model\n",
        "# Bayesian\n    # in place of Optuna's sampler optuna.samplers.TPESampler\n    method: auto\n",
        "# not taken over: study_name: digits\n",
        "# not taken over: sampler.multivariate: true\n    #   it belongs to Optuna's sampler\n",
        "      # powers of two\n      data.batch_size",
        "#model.depth: choice(1, 2)\n      # Optuna's range includes its end, Hydra's does not\n      model.width",
        "32, 160, 32)  # a grid\n",
    ):
        assert comment in text
    assert "storage" not in text


def test_the_search_space_of_optuna_1_1(tmp_path: Path) -> None:
    text = migrated(f"""\
defaults:
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: random
hydra:
  sweeper:
    _target_: {OPTUNA}
    direction: minimize
    n_jobs: 3
    sampler: {{seed: 12_345}}
    search_space:
      a: {{type: float, low: 1.0e-5, high: 0.1, log: true}}
      b: {{type: float, low: -5.5, high: 5.5, step: 0.5}}
      c: {{type: int, low: 1, high: 16}}
      d: {{type: int, low: 1, high: 16, log: true}}
      e: {{type: int, low: 1, high: 10, step: 4}}
      f: {{type: categorical, choices: [adam, "1", 1, null, true, a b]}}
      +g.h: {{type: int, low: 2, high: 2}}
""")
    options = composed(text, tmp_path)
    assert given(options, "method", "seed", "n_jobs", "n_trials") == ["random", 12345, 3, 20]
    assert options["params"] == {
        "a": "tag(log, interval(1e-05, 0.1))",
        "b": "range(-5.5, 6.0, 0.5)",
        "c": "int(interval(1, 16))",
        "d": "int(tag(log, interval(1, 16)))",
        "e": "range(1, 13, 4)",
        "f": "choice(adam, '1', 1, null, True, 'a b')",
        "+g.h": "int(interval(2, 2))",
    }
    assert "sampler: random" not in text


def test_several_directions_become_objectives_in_their_order(tmp_path: Path) -> None:
    text = migrated("""\
defaults:
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: nsgaii
hydra:
  sweeper:
    direction: [minimize, maximize]
    params: {x: "interval(0, 5)"}
""")
    options = composed(text, tmp_path)
    assert list(options["objectives"].items()) == [
        ("objective_1", {"direction": "minimize"}),
        ("objective_2", {"direction": "maximize"}),
    ]
    assert given(options, "n_jobs", "method", "direction") == [2, "auto", None]


def test_a_grid_of_optuna_ends_before_the_end_of_its_ranges(tmp_path: Path) -> None:
    text = migrated("""\
defaults: [{override hydra/sweeper: optuna}, {override hydra/sweeper/sampler: grid}, _self_]
hydra:
  sweeper:
    n_jobs: 1
    params:
      x: choice(-1, 1)
      y: range(-1.0, 1.0, step=1)
""")
    options = composed(text, tmp_path)
    assert options["method"] == "grid"
    assert options["params"]["y"] == "range(-1.0, 1.0, step=1)"


def test_the_optuna_config_of_the_first_release_in_an_option_of_its_own(tmp_path: Path) -> None:
    text = migrated("""\
# @package _group_
optuna_config:
  direction: maximize
  study_name: density-${lo}
  storage: sqlite:///x.db
  n_trials: 15
  sampler: tpe
  seed: 3
search_space:
  x: {type: float, low: 0, high: 1}
""")
    options = composed(text, tmp_path, "hydra/sweeper/mine.yaml", "hydra/sweeper=mine")
    assert given(options, "direction", "n_trials", "n_jobs", "seed") == ["maximize", 15, 2, 3]
    assert options["params"] == {"x": "interval(0, 1)"}
    assert "# not taken over: optuna_config.storage: sqlite:///x.db\n#   every trial is in sweep.jsonl" in text


def test_an_option_of_the_sweeper_with_a_target(tmp_path: Path) -> None:
    text = migrated(
        f"# mine\n_target_: {OPTUNA}\n\n# many\nn_trials: 9\nsampler:\n  _target_: optuna.samplers.QMCSampler\n"
    )
    options = composed(text, tmp_path, "hydra/sweeper/mine.yaml", "hydra/sweeper=mine")
    assert given(options, "n_trials", "method", "n_jobs") == [9, "sobol", 2]
    assert "# many\nn_trials: 9\n" in text


def test_the_package_of_the_sweeper_in_another_group(tmp_path: Path) -> None:
    old = f"""\
# @package hydra.sweeper
n_jobs: 1
_target_: {OPTUNA}
params:
  x: range(-5.5,5.5,step=0.5)
"""
    options = composed(migrated(old, "/app/conf/hpo"), tmp_path, "hpo/mine.yaml", "+hpo=mine")
    assert options["params"] == {"x": "range(-5.5, 6.0, 0.5)"}
    in_group = migrated(old, "/app/conf/hydra/sweeper")
    assert composed(in_group, tmp_path, "hydra/sweeper/mine.yaml", "hydra/sweeper=mine") == options


def test_a_config_of_hydra_refers_to_the_sweepers_keys(tmp_path: Path) -> None:
    text = migrated("""\
# @package hydra
defaults:
  - override /hydra/sweeper@_global_.hydra.sweeper: optuna
  - override /hydra/sweeper/sampler: cmaes  # slow
sweep:
  dir: out/${hydra.sweeper.study_name}/${hydra:sweeper.direction}
  subdir: ${hydra.sweeper.sampler.seed}/${hydra.job.num}
sweeper:
  study_name: first
  direction: maximize
  sampler: {seed: 4, sigma0: 0.3}
  params: {x: "interval(0, 1)"}
""")
    assert "dir: out/first/${hydra:sweeper.direction}" in text
    assert "subdir: ${hydra.sweeper.seed}/${hydra.job.num}" in text
    assert "cmaes  # slow" not in text
    assert composed(text, tmp_path, "search/mine.yaml", "+search=mine")["seed"] == 4


def test_parameters_called_optim_are_no_config_of_nevergrad(tmp_path: Path) -> None:
    start = "defaults: [{override hydra/sweeper: optuna}]\nhydra:\n  sweeper:\n    n_trials: '7'\n    params:\n"
    for optim, found in (
        (" choice(adam, sgd)", {"optim": "choice(adam, sgd)"}),
        ("\n        lr: a,b", {"optim.lr": "a,b"}),
    ):
        options = composed(migrated(f"{start}      optim:{optim}\n      x: c,d\n"), tmp_path)
        assert given(options, "params", "n_trials") == [{**found, "x": "c,d"}, 7]


UNDECIDED = "    # choose one: the sweep does not begin before\n    direction: maximize or minimize\n"
NOT_KNOWN = f"    #   write direction: maximize, or minimize\n{UNDECIDED}"


@pytest.mark.parametrize(
    ("sweeper", "keys", "found"),
    [
        ("ax", "ax_config: {experiment: {minimize: '${less}'}}", "\n    direction: maximize\n"),
        ("ax", "ax_config: {experiment: {minimize: '${unknown}'}}", NOT_KNOWN),
        (
            "ax",
            "ax_config: {experiment: {objective_name: '${f}', minimize: '${less}'}}",
            "\n    objectives: {acc: {direction: maximize}}\n",
        ),
        ("ax", "ax_config: {experiment: {objective_name: '${unknown}'}}", UNDECIDED),
        ("nevergrad", "optim: {maximize: '${more}'}", "\n    direction: maximize\n"),
        ("nevergrad", "optim: {maximize: '${unknown}'}", NOT_KNOWN),
        ("optuna", "direction: {acc: maximize}", UNDECIDED),
        (
            "optuna",
            "direction: ['${way.Up}', Direction.minimize]",
            "1: {direction: '${way.Up}'}, objective_2: {direction: min",
        ),
    ],
)
def test_a_direction_that_another_key_says_is_not_lost(sweeper: str, keys: str, found: str) -> None:
    start = (
        f"defaults: [{{override hydra/sweeper: {sweeper}}}]\nless: false\nmore: true\nf: acc\nhydra:\n  sweeper:\n    "
    )
    text = migrated(f"{start}{keys}\n")
    assert found in text
    assert text.count("    direction:") == found.count("    direction:")


def test_names_of_studies_made_of_other_keys_stay_in_the_names_of_folders(tmp_path: Path) -> None:
    text = migrated("""\
defaults:
  - optional override hydra/sweeper: optuna
hydra:
  sweeper:
    study_name: ${lo}_${oc.env:HOME,x} y
    storage: sqlite:///${.study_name}.db
    n_trials: 3
    params: ${space}
    search_space: {x: "range(0, 1)"}
  sweep:
    dir: "out/${hydra.sweeper.study_name}/${now:%Y}"
    subdir: ${hydra.sweeper.storage}
space: {x: "interval(0, 1)"}
""")
    assert "- optional override hydra/sweeper: ax_moo\n" in text
    assert '    dir: "out/${lo}_${oc.env:HOME,x} y/${now:%Y}"\n    subdir: ${hydra.sweeper.storage}\n' in text
    assert "    # check the ends of ranges: Optuna's range includes its end" in text
    assert "\n    params: ${space}\n" in text
    assert "# not taken over: search_space: {x: 'range(0, 1)'}\n    #   params is given already" in text


def test_ax_config_with_constraints_and_an_early_stop(tmp_path: Path) -> None:
    text = migrated("""\
defaults:
  - override hydra/sweeper: ax
hydra:
  sweeper:
    max_batch_size: 2
    ax_config:
      max_trials: 40
      experiment:
        # up
        minimize: false
        objective_name: score
        parameter_constraints: ["x + y <= 3"]
        outcome_constraints: ["cost <= 3", "size >= 5%"]
      early_stop:
        minimize: false
        max_epochs_without_improvement: 10
      client: {random_seed: 1, verbose_logging: true}
      is_noisy: false
      params:
        x: {type: range, bounds: [-5, 5], digits: 3}
        y:
          type: range
          bounds: [-5, 10.1]
        z: {type: choice, values: [a, b], sort_values: true}
        u: {type: range, bounds: [1.0e-6, 1], log_scale: true}
        v: {type: fixed, value: 3}
""")
    options = composed(text, tmp_path)
    assert given(options, "n_trials", "n_jobs", "seed") == [40, 2, 1]
    assert options["objectives"] == {"score": {"direction": "maximize"}}
    assert options["stop_when"] == {"no_improvement": 10}
    assert options["outcome_constraints"] == ["cost <= 3"]
    assert options["params"]["x"] == {"type": "range", "bounds": [-5, 5]}
    assert options["params"]["y"] == {"type": "range", "bounds": [-5, 10.1]}
    assert "a bound cannot be relative to a status quo" in text
    assert "an exact metric is returned as (value, 0.0)" in text


def test_an_option_of_the_ax_sweeper_without_an_objective_name(tmp_path: Path) -> None:
    text = migrated(f"""\
_target_: {AX}
ax_config:
  experiment: {{minimize: False}}
  params:
    mixup.alpha: {{type: range, bounds: [0.0, 1.0]}}
""")
    options = composed(text, tmp_path, "hydra/sweeper/mine.yaml", "hydra/sweeper=mine")
    assert given(options, "direction", "n_trials", "n_jobs") == ["maximize", 10, 5]


def test_the_package_of_the_ax_sweepers_parameters(tmp_path: Path) -> None:
    text = migrated("""\
# @package hydra.sweeper.ax_config.params
quadratic.x:
  type: range
  bounds: [1e-6, 1]
  log_scale: true
""")
    options = composed(text, tmp_path, "params/mine.yaml", "+params=mine", "hydra/sweeper=ax_moo")
    assert options["params"] == {"quadratic.x": {"type": "range", "bounds": [1e-06, 1], "log_scale": True}}


NEVERGRAD = """\
defaults:
  - hydra/sweeper: nevergrad
hydra:
  sweeper:
    optim:
      # extremely simple
      optimizer: OnePlusOne
      budget: 100
      maximize: true
    parametrization:
      db: [mnist, cifar]
      lr: {init: 0.02, step: 2.0, log: true}
      dropout: {lower: 0.0, upper: 1.0}
      batch_size: {lower: 4, upper: 16, integer: true, step: 2}
      decay: {lower: 1.0e-4, upper: 0.1, log: true}
      depth: Scalar(lower=0.0, upper=1.0)
"""


def test_nevergrads_parametrization(tmp_path: Path) -> None:
    text = migrated(NEVERGRAD)
    options = composed(text, tmp_path)
    assert given(options, "n_trials", "n_jobs", "direction") == [100, 10, "maximize"]
    assert options["params"] == {
        "db": "choice(mnist, cifar)",
        "dropout": "interval(0.0, 1.0)",
        "batch_size": "int(interval(4, 16))",
        "decay": "tag(log, interval(0.0001, 0.1))",
    }
    for words in ("lr: {init: 0.02, step: 2.0, log: true}", "it has no two bounds", "written in Nevergrad's Python"):
        assert words in text


def test_nevergrads_first_point_where_every_parameter_has_one(tmp_path: Path) -> None:
    text = migrated("""\
defaults:
  - override hydra/sweeper: nevergrad
hydra:
  sweeper:
    params:
      lr: {init: 0.02, lower: 0.001, upper: 0.1, log: true}
      width: {init: 8, lower: 4, upper: 16, integer: true}
""")
    options = composed(text, tmp_path)
    assert options["initial"] == [{"lr": 0.02, "width": 8}]
    assert given(options, "n_trials", "n_jobs") == [80, 10]


def test_the_keys_of_hydra_1_0_release_candidates_lie_below_params(tmp_path: Path) -> None:
    text = migrated("""\
hydra:
  sweeper:
    params:
      optim: {budget: 100, num_workers: 3}
      parametrization:
        model.db: [mnist, cifar]
""")
    options = composed(text, tmp_path, "config.yaml", "hydra/sweeper=ax_moo")
    assert given(options, "n_trials", "n_jobs", "params") == [100, 3, {"model.db": "choice(mnist, cifar)"}]
    assert "# choose the sweeper with hydra/sweeper=ax_moo" in text


def test_what_optuna_ignores_or_does_otherwise_in_a_sweep_is_said(tmp_path: Path) -> None:
    text = migrated("""\
hydra:
  sweeper:
    sampler: {n_startup_trials: 100}
    custom_search_space: app.search.configure
    direction: ${way}
    params:
      a: int(interval(0.5, 3))
      b: choice(1, 1, 2)
      c: tag(mine, interval(0, 1))
      d: interval(${lo}, 2)
      e: range(3)
      f: choice(
      g: [1, 2]
      h: {optimizer: {lr: "tag(log, interval(1e-5, 1e-1))", wd: 0.1}}
      i: range(3, 1)
      j: {_target_: optuna.distributions.IntDistribution, low: 2, high: 4}
      k: tag(log, choice(1, 10))
      l: shuffle(range(1, 3))
way: maximize
""")
    options = composed(text, tmp_path, "config.yaml", "hydra/sweeper=ax_moo", "+lo=0")
    assert options["n_initial"] == 20
    assert options["direction"] == "maximize"
    assert options["params"] == {
        "a": "int(interval(0, 3))",
        "b": "choice(1, 2)",
        "c": "interval(0.0, 1.0)",
        "d": "interval(0, 2)",
        "e": "range(0, 4)",
        "g": {"type": "fixed", "value": [1, 2]},
        "h.optimizer.lr": "tag(log, interval(1e-5, 1e-1))",
        "h.optimizer.wd": 0.1,
        "j": "int(interval(2, 4))",
        "k": "choice(1, 10)",
        "l": "shuffle(range(1, 3))",
    }
    for words in ("not taken over: f: choice(", "range(3, 1, 1) is empty to Optuna", "was choice(1, 1, 2): duplicate"):
        assert words in text
    assert "custom_search_space: app.search.configure\n    #   write params, and parameter_constraints" in text


def test_a_search_on_the_command_line_has_no_section_of_the_sweeper(tmp_path: Path) -> None:
    text = migrated("# first\ndefaults:\n  - _self_\n  - override hydra/sweeper: optuna\nx: 1\n")
    options = composed(text, tmp_path)
    assert options["n_jobs"] == 2
    assert text.startswith("# first\ndefaults:\n  - _self_\n  - override hydra/sweeper: ax_moo\nx: 1\n\nhydra:\n")


def test_parts_that_are_written_in_braces_or_in_blocks(tmp_path: Path) -> None:
    text = migrated("""\
defaults:
  - override hydra/sweeper: optuna
hydra:
  sweeper: {n_trials: 3, params: {x: 'range(1, 3)', y: 'choice(a, b)'}}  # all of it
  run: {dir: here}
""")
    assert composed(text, tmp_path)["params"] == {"x": "range(1, 4)", "y": "choice(a, b)"}
    assert text.count("# all of it") == 1
    text = migrated("""\
defaults:
  - override hydra/sweeper: optuna
common: &space
  x: interval(0, 1)
hydra:
  sweeper:
    params:
      <<: *space
      y: |
        choice(a, b)
      z: >-
        tag(log,
        interval(1e-4, 1))
    direction: {a: maximize}
    n_trials: many
    n_jobs: 1
""")
    options = composed(text, tmp_path, "config.yaml", "hydra.sweeper.direction=minimize")
    assert options["params"] == {
        "x": "interval(0, 1)",
        "y": "choice(a, b)",
        "z": "tag(log, interval(1e-4, 1))",
    }
    assert "# not taken over: n_trials: many\n    #   n_trials must be a whole number" in text
    assert "# not taken over: direction: {a: maximize}" in text


def test_a_sampler_alone_tells_that_it_is_optunas(tmp_path: Path) -> None:
    text = migrated("defaults:\n  - override hydra/sweeper/sampler: grid\n  - _self_\nhydra: {}\n")
    assert composed(text, tmp_path, "config.yaml", "hydra/sweeper=ax_moo", "+hydra.sweeper.params={}")["n_jobs"] == 4
    assert text.endswith("hydra:\n  sweeper:\n    # choose the sweeper with hydra/sweeper=ax_moo\n    method: grid\n")


def test_a_text_at_the_end_of_a_file_and_a_comment_beside_a_list_stay_as_they_are() -> None:
    start, end = "defaults: [{override hydra/sweeper: ax}]  # beside a list\n", "hydra:\n  sweeper: {}\ntext: |\n  end"
    for newline in ("", "\n"):
        text = migrated(f"{start}{end}{newline}")
        assert text.startswith("defaults:  # beside a list\n  - override hydra/sweeper: ax_moo\n")
        assert text.endswith(f"\ntext: |\n  end{newline}")


def test_line_breaks_of_windows_are_kept() -> None:
    text = migrated(TEMPLATE.replace("\n", "\r\n"))
    assert text.count("\r\n") == text.count("\n")
    assert text.replace("\r\n", "\n") == migrated(TEMPLATE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no mapping"),
        ("- a\n", "holds no mapping"),
        ("a: [1\n", "is not the YAML of a config"),
        ("a: 1\na: 2\n", "is not the YAML of a config"),
        ("a: &a [*a]\n", "is not the YAML of a config"),
        ("x: 1\n", "does not tell which sweeper it is for"),
        ("# @package hydra.sweeper\nparams: {x: 'range(1, 3)'}\n", "but Optuna's range(1, 3) is range(1, 4) here"),
        ("hydra: [1]\nsweeper: 3\n", "hydra must be a mapping of keys"),
        ("defaults: [{override hydra/sweeper: optuna}]\nhydra:\n  sweeper: [1]\n", "hydra.sweeper must be a mapping"),
        (
            "defaults: [{override hydra/sweeper: ax}]\nhydra:\n  sweeper:\n    params: &p {a: 1}\nb: *p\n",
            "cannot be rewritten in its lines",
        ),
        ("hydra: {sweeper: {params: {x: 'range(1, 3)'}}}\n", "is written in braces"),
        ("defaults:\n  - override hydra/sweeper: ax_moo\n", "there is nothing to migrate"),
        ("n_trials: 3\nsampler: {seed: 1}\ndefaults: [optuna]\n", "write the defaults first"),
    ],
)
def test_a_config_that_is_not_understood_is_refused_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        migrated(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_writes_to_standard_output_or_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(TEMPLATE)
    ended = ax_moo("migrate", "old.yaml", cwd=tmp_path)
    assert (ended.code, ended.out, ended.err) == (0, migrated(TEMPLATE), "")
    ended = ax_moo("migrate", "old.yaml", "-o", "new.yaml", cwd=tmp_path)
    assert (ended.code, ended.out) == (0, "new.yaml\n")
    assert (tmp_path / "new.yaml").read_text() == migrated(TEMPLATE)


def test_a_mistake_ends_the_command_with_a_sentence_and_code_2(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "old.yaml").write_text(TEMPLATE)
    for arguments, words in (
        (("none.yaml",), "none.yaml: cannot be read: No such file"),
        ((".",), "cannot be read: Is a directory"),
        (("bytes.yaml",), "bytes.yaml: is not UTF-8"),
        (("old.yaml", "-o", "no/where.yaml"), "-o no/where.yaml: cannot be written: No such file"),
    ):
        ended = ax_moo("migrate", *arguments, cwd=tmp_path)
        assert ended.code == 2
        assert words in ended.err
        assert "Traceback" not in ended.err


COMMENTED = """\
defaults:
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: tpe  # beside a choice
hydra:
  sweeper:
    sampler:  # beside a section
      seed: 3  # beside a seed
    direction: []  # beside no direction
    # above nothing
    storage: null  # beside nothing
    study_name: digits  # beside a key that goes
    params:
      model:  # beside a group
        lr: interval(0, 1)  # beside a nested key
      width:
        type: int  # beside a field
        low: 1
        high: 4
"""


IN_BRACES = """\
defaults: [
  _self_, # beside an item
  {override hydra/sweeper: optuna},  # beside our choice
  {override hydra/sweeper/sampler: tpe} # beside a choice
]
hydra:
  sweeper:
    direction: maximize
    params: {  # beside a brace
      # above a key
      x: 'interval(0, 1)',  # beside a key
      y: 'choice(a, b)' # beside the last key
    }
"""


def test_no_comment_in_braces_is_lost(tmp_path: Path) -> None:
    text = migrated(IN_BRACES)
    composed(text, tmp_path)
    said = [line.partition("# ")[2] for line in IN_BRACES.splitlines() if "# " in line]
    assert [text.count(f"# {comment}\n") for comment in said] == [1] * len(said), text
    assert "  - override hydra/sweeper: ax_moo  # beside our choice\n  # beside a choice\n" in text


def test_no_comment_is_lost_with_the_key_that_it_was_beside(tmp_path: Path) -> None:
    text = migrated(COMMENTED)
    composed(text, tmp_path, "config.yaml", "hydra.sweeper.direction=minimize")
    said = [line.partition("#")[2].strip() for line in COMMENTED.splitlines() if "#" in line]
    assert [text.count(f"# {comment}") for comment in said] == [1] * len(said), text
    assert "    # beside a group\n      model.lr: interval(0, 1)  # beside a nested key\n" in text


def test_a_list_without_a_direction_is_said(tmp_path: Path) -> None:
    text = migrated(COMMENTED)
    assert "    #   it names no direction; write direction: maximize, or minimize\n" in text
    assert UNDECIDED in text
    with pytest.raises(ConfigError, match=r"direction: must be one of maximize, minimize, got 'maximize or minimize'"):
        composed(text, tmp_path)


@pytest.mark.parametrize("params", ["{x: 'interval(0, 1)'}", "{y: 'choice(a, b)'}"])
def test_where_both_are_given_params_alone_are_searched_as_by_the_others(tmp_path: Path, params: str) -> None:
    text = migrated(f"""\
defaults: [{{override hydra/sweeper: optuna}}]
hydra:
  sweeper:
    search_space: {{x: {{type: int, low: 1, high: 3}}}}
    params: {params}
""")
    assert composed(text, tmp_path)["params"] == yaml.safe_load(params)
    assert "# not taken over: search_space: {x: {type: int, low: 1, high: 3}}" in text
