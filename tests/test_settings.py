"""The settings are checked, and every mistake in the sweeper's config is told with its key and its remedy."""

import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from omegaconf import OmegaConf

from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.sweep.settings import Settings, StopWhen
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import in_yaml
from ax_moo.wandb.settings import WandbSettings

PARAMS = {
    "lr": "tag(log, interval(1e-4, 1e-1))",
    "width": "int(tag(log, interval(16, 128)))",
    "a": "interval(0, 1)",
    "b": "interval(0, 1)",
    "c": "choice(s, m, l)",
}
POINT = {"lr": 0.01, "width": 64, "a": 0.5, "b": 0.5, "c": "s"}
TWO = {"acc": {"direction": "maximize"}, "size": {"direction": "minimize"}}


def check(config: dict[str, Any], arguments: Sequence[str] = ()) -> Settings:
    """What the sweeper does with its config before it starts anything."""
    space = SearchSpace.from_config({**PARAMS, **config.get("params", {})}, arguments)
    problem = Problem.from_config(
        space,
        config.get("objectives", {}),
        config.get("outcome_constraints", []),
        config.get("parameter_constraints", []),
    )
    settings = Settings.from_config(config, space, problem.parameter_constraints)
    WandbSettings.from_config(config.get("wandb", {}))
    return settings


def test_an_empty_config_means_the_defaults() -> None:
    assert check({}) == Settings()


def test_all_settings_are_read() -> None:
    settings = check(
        {
            "_target_": "ignored",
            "params": {},
            "n_trials": 48,
            "n_jobs": 8,
            "timeout_hours": 2,
            "method": "fast",
            "n_initial": 5,
            "seed": 0,
            "max_failure_rate": 1,
            "retries": 3,
            "resume": "never",
            "report": False,
            "progress": "none",
            "lookahead": 1,
            "stop_when": {"no_improvement": 15},
        }
        | {"initial": [POINT, {**{k: v for k, v in POINT.items() if k != "a"}, "+a": 1}]}
    )
    points = (POINT, {**POINT, "a": 1.0})
    assert settings == Settings(48, 8, 2.0, "fast", 5, points, 0, 1.0, 3, "never", False, "none", "1", StopWhen(15))


def test_the_settings_of_wandb_are_read_beside_them() -> None:
    wandb = WandbSettings.from_config({"enabled": True, "project": "p", "mode": "offline"})
    assert wandb == WandbSettings(enabled=True, project="p", mode="offline")


def test_the_config_may_be_omegaconfs() -> None:
    config = OmegaConf.create({"n_trials": 3, "initial": [POINT], "seed": "${n_trials}"})
    settings = Settings.from_config(config, SearchSpace.from_config(PARAMS, []))
    assert settings == Settings(n_trials=3, initial=(POINT,), seed=3)


@pytest.mark.parametrize("method", ["sobol", "random"])
def test_n_initial_means_nothing_without_a_model(method: str) -> None:
    settings = check({"n_initial": 30, "n_trials": 20, "method": method})
    assert (settings.n_initial, settings.before_model) == (30, None)
    assert check({"n_initial": 5}).before_model == 5


def test_a_grid_of_a_finite_space_is_accepted() -> None:
    space = SearchSpace.from_config({"a": "1,2", "b": "range(3)"}, [])
    assert Settings.from_config({"method": "grid", "n_trials": 6}, space).method == "grid"


SETTINGS_MISTAKES: list[tuple[dict[str, Any], str, list[str]]] = [
    *[
        ({"n_trials": bad}, "hydra.sweeper.n_trials", ["at least 1", in_yaml(bad)])
        for bad in (0, -1, "10", 10.0, True, None)
    ],
    *[({"n_jobs": bad}, "hydra.sweeper.n_jobs", ["at least 1", in_yaml(bad)]) for bad in (0, 2.5, False)],
    *[({"timeout_hours": bad}, "hydra.sweeper.timeout_hours", ["above 0"]) for bad in (0, -1, "2", True, math.inf)],
    ({"method": "sobl"}, "hydra.sweeper.method", ["'sobol'", "auto, fast"]),
    ({"method": None}, "hydra.sweeper.method", ["auto, fast, sobol, random, grid"]),
    ({"method": "grid"}, "hydra.sweeper.method", ["lr", "continuous", "step"]),
    ({"method": "grid", "initial": [POINT]}, "hydra.sweeper.initial", ["grid", "must be empty"]),
    *[({"lookahead": bad}, "hydra.sweeper.lookahead", ["auto, 0 or 1"]) for bad in (2, -1, "1", 1.0, True, None)],
    ({"report": "no"}, "hydra.sweeper.report", ["true or false", "'no'"]),
    ({"wandb": True}, "hydra.sweeper.wandb", ["mapping", "true"]),
    ({"wandb": {"enable": True}}, "hydra.sweeper.wandb.enable", ["'enabled'"]),
    ({"wandb": {"enabled": 1}}, "hydra.sweeper.wandb.enabled", ["true or false"]),
    ({"wandb": {"sweep": None}}, "hydra.sweeper.wandb.sweep", ["true or false"]),
    ({"wandb": {"project": 3}}, "hydra.sweeper.wandb.project", ["a name without", ", or null"]),
    ({"wandb": {"mode": "onlin"}}, "hydra.sweeper.wandb.mode", ["'online'", "offline"]),
    ({"n_initial": 0}, "hydra.sweeper.n_initial", ["at least 1"]),
    ({"n_initial": 30}, "hydra.sweeper.n_initial", ["at most n_trials, which is 20", "got 30"]),
    *[({"seed": bad}, "hydra.sweeper.seed", ["4294967295"]) for bad in (-1, 2**32, 1.5, "1", True)],
    *[
        ({"max_failure_rate": bad}, "hydra.sweeper.max_failure_rate", ["between 0 and 1"])
        for bad in (1.5, -0.1, "0.5", math.nan, None)
    ],
    *[
        ({"stop_when": bad}, "hydra.sweeper.stop_when", ["a mapping", "or null"])
        for bad in (15, "no_improvement", [15])
    ],
    ({"stop_when": {}}, "hydra.sweeper.stop_when", ["no_improvement is missing", "or null"]),
    ({"stop_when": {"no_improvment": 5}}, "hydra.sweeper.stop_when.no_improvment", ["'no_improvement'"]),
    ({"stop_when": {"hypervolume_plateau": 5}}, "hydra.sweeper.stop_when.hypervolume_plateau", ["valid: no_impr"]),
    *[
        ({"stop_when": {"no_improvement": bad}}, "hydra.sweeper.stop_when.no_improvement", ["at least 1"])
        for bad in (0, -1, 2.5, "5", True, None)
    ],
    ({"progress": "bars"}, "hydra.sweeper.progress", ["'bar'"]),
    ({"n_trial": 3}, "hydra.sweeper.n_trial", ["'n_trials'"]),
    ({"objective": {}}, "hydra.sweeper.objective", ["'objectives'"]),
    ({"initial": POINT}, "hydra.sweeper.initial", ["list of mappings"]),
    ({"initial": [3]}, "hydra.sweeper.initial[0]", ["mapping"]),
    ({"initial": [{**POINT, "width": 512}]}, "hydra.sweeper.initial[0].width", ["between 16 and 128"]),
    ({"initial": [POINT, {**POINT, "withd": 1}]}, "hydra.sweeper.initial[1].withd", ["'width'"]),
    ({"initial": [{"lr": 0.01}]}, "hydra.sweeper.initial[0]", ["'width' is missing"]),
    ({"initial": [POINT, POINT]}, "hydra.sweeper.initial[1]", ["duplicate", "once"]),
    ({"initial": [POINT, {**POINT, "c": "m"}], "n_trials": 1}, "hydra.sweeper.initial", ["got 2", "raise n_trials"]),
    ({"initial": [POINT], "parameter_constraints": ["a <= 0.4"]}, "hydra.sweeper.initial[0]", ["a <= 0.4", "change"]),
]

OBJECTIVE_MISTAKES: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"objectives": ["acc"]}, "hydra.sweeper.objectives", ["mapping"]),
    ({"objectives": {"acc": {"direction": "maximise"}}}, "hydra.sweeper.objectives.acc.direction", ["'maximize'"]),
    ({"objectives": {"acc": "minimise"}}, "hydra.sweeper.objectives.acc.direction", ["'minimize'"]),
    ({"objectives": {"acc": {}}}, "hydra.sweeper.objectives.acc", ["direction: maximize"]),
    ({"objectives": {"acc": 3}}, "hydra.sweeper.objectives.acc", ["direction"]),
    (
        {"objectives": {**TWO, "x": {"direction": "minimize", "treshold": 3}}},
        "hydra.sweeper.objectives.x.treshold",
        ["'threshold'"],
    ),
    *[
        (
            {"objectives": {**TWO, "acc": {"direction": "maximize", "threshold": bad}}},
            "hydra.sweeper.objectives.acc.threshold",
            ["finite number"],
        )
        for bad in (True, "abc", math.nan, math.inf, "0.9")
    ],
    (
        {"objectives": {"acc": {"direction": "maximize", "threshold": 0.9}}},
        "hydra.sweeper.objectives.acc.threshold",
        ["leave the threshold out"],
    ),
    (
        {"objectives": {**TWO, "acc": {"direction": "maximize", "threshold": 0.9}}},
        "hydra.sweeper.objectives.size.threshold",
        ["all", "none"],
    ),
    ({"outcome_constraints": "t <= 3"}, "hydra.sweeper.outcome_constraints", ["list"]),
    ({"outcome_constraints": ["t < 3"]}, "hydra.sweeper.outcome_constraints", ["must be <= or >=, got '<'"]),
    ({"outcome_constraints": ["t == 3"]}, "hydra.sweeper.outcome_constraints", ["must be <= or >=, got '=='"]),
    ({"outcome_constraints": ["1 <= t <= 3"]}, "hydra.sweeper.outcome_constraints", ["each as an item of its own"]),
    (
        {"outcome_constraints": ["t"]},
        "hydra.sweeper.outcome_constraints",
        ["must be <= or >=, got none", "latency_ms <= 20"],
    ),
    ({"outcome_constraints": ["t <= u"]}, "hydra.sweeper.outcome_constraints", ["one side must be a number"]),
    ({"outcome_constraints": ["<= 3"]}, "hydra.sweeper.outcome_constraints", ["METRIC <= NUMBER"]),
    ({"outcome_constraints": ["t <= nan"]}, "hydra.sweeper.outcome_constraints", ["finite"]),
    ({"outcome_constraints": [{"t": 3}]}, "hydra.sweeper.outcome_constraints", ["must be a text, got {'t': 3}"]),
    ({"outcome_constraints": ["t <= 3", "t <= 4"]}, "hydra.sweeper.outcome_constraints", ["two <= bounds", "tighter"]),
    (
        {"outcome_constraints": ["t <= 3", "t >= 4"]},
        "hydra.sweeper.outcome_constraints",
        ["t <= 3", "t >= 4", "change"],
    ),
    (
        {"objectives": TWO, "outcome_constraints": ["acc >= 0.9"]},
        "hydra.sweeper.outcome_constraints",
        ["objectives.acc.threshold"],
    ),
    (
        {
            "objectives": {
                "acc": {"direction": "maximize", "threshold": 0.9},
                "size": {"direction": "minimize", "threshold": 8},
            },
            "outcome_constraints": ["size >= 8"],
        },
        "hydra.sweeper.outcome_constraints",
        ["no value of size is better than its threshold, which is 8, and meets 'size >= 8'", "change one"],
    ),
    ({"outcome_constraints": ["objective <= 0.9"]}, "hydra.sweeper.outcome_constraints", ["leave the constraint out"]),
]

CONSTRAINT_MISTAKES = [
    ("widht <= 3", ["unknown parameter 'widht'", "'width'"]),
    ("c <= 3", ["choice parameter", "interval"]),
    ("fixed <= 3", ["fixed parameter", "leave it out"]),
    ("stepped <= 3", ["range with a step", "without a step"]),
    ("a <= a", ["twice", "add up its weights"]),
    ("a < b", ["must be <=, >= or ==, got '<'"]),
    ("a = b", ["must be <=, >= or ==, got '='"]),
    ("a", ["must be <=, >= or ==, got none", "a <= b"]),
    ("1 == a == 2", ["each as an item of its own"]),
    ("lr + width == 20", ["log scale"]),
    ("a == 2", ["no point of the search space", "0.0 <= a <= 1.0"]),
    ("1 <= 2", ["must have a parameter"]),
    ("0*a <= 2", ["weight 0"]),
    ("a*b <= 2", ["product of two parameters", "weight*parameter"]),
    ("(a + b) <= 1", ["cannot be read at '(a + b)'", "a <= b"]),
    ("a b <= 1", ["cannot be read at 'b'"]),
    ("a + <= 1", ["cannot be read"]),
    ("a <= nan", ["finite"]),
    ("a <= -inf", ["finite"]),
    ("a >= 2", ["no point of the search space", "0.0 <= a <= 1.0", "loosen"]),
    ("a + b <= -0.5", ["no point of the search space", "widen"]),
    ("a <= lr", ["lr is searched on a log scale", "leave log out"]),
    ("lr + width <= 100", ["log scale", "2*OTHER"]),
    ("lr <= width + 1", ["log scale"]),
    ("lr >= 0", ["bound above 0"]),
]

PARAM_MISTAKES: list[tuple[Any, str, list[str]]] = [
    ("interval(2, 1)", "x", ["must be below the upper one, got 2.0", "smaller one first"]),
    ("tag(log, interval(0, 1))", "x", ["log scale", "above 0"]),
    ("tag(log, range(0, 5))", "x", ["log scale", "above 0"]),
    ("tag(log, range(1, 9, 2))", "x", ["leave the step out"]),
    ("interval(0, inf)", "x", ["finite"]),
    ("interval(nan, 1)", "x", ["finite"]),
    ("int(interval(0.5, 3))", "x", ["whole numbers", "0.5"]),
    ("int(range(0, 1, 0.5))", "x", ["whole numbers", "0.5"]),
    ("str(range(3))", "x", ["only to int or float"]),
    ("bool(interval(0, 1))", "x", ["cannot be cast to bool"]),
    ("interval(a, b)", "x", ["start cannot be a text", "interval(0, 1)"]),
    ("choice()", "x", ["empty choice"]),
    ("choice(1, 1)", "x", ["duplicate value 1", "once"]),
    ("choice(1, range(3))", "x", ["inside another", "choice(1, 2, 3)"]),
    ("1,interval(0,1)", "x", ["inside another"]),
    ("a,b,a", "x", ["duplicate value 'a'", "once"]),
    ("tag(lgo, interval(1, 2))", "x", ["unknown tag 'lgo'", "'log'"]),
    ("tag(log, choice(1, 2))", "x", ["no log scale", "leave the tag log out"]),
    ("range(5, 5)", "x", ["empty", "step"]),
    ("range(0, 5, 0)", "x", ["empty", "step"]),
    ("glob(*)", "x", ["config groups", "choice(a, b)"]),
    ("choice(1, 2", "x", ["Hydra cannot read", "choice(1, 2"]),
    ("chioce(1, 2)", "x", ["there is no function 'chioce'", "'choice'"]),
    ("choice({1:2}, 3)", "x", ["keys of a mapping must be strings"]),
    ("choice({null:2}, 3)", "x", ["keys of a mapping must be strings"]),
    ("???", "x", ["value is missing"]),
    ([1, 2], "x", ["choice(...)", "type: fixed"]),
    ({"typ": "range", "bounds": [0, 1]}, "x.typ", ["unknown key", "'type'"]),
    ({"type": "rang", "bounds": [0, 1]}, "x", ["'range'"]),
    ({"lr": "interval(0, 1)"}, "x", ["type must be range, choice or fixed, got none", "model.lr"]),
    ({"type": "range"}, "x", ["'bounds'"]),
    ({"type": "range", "bounds": [0, 1], "log": True}, "x.log", ["unknown key", "log_scale"]),
    ({"type": "choice", "values": [1, 2], "log_scale": True}, "x.log_scale", ["unknown key", "is_ordered"]),
    ({"bounds": 3}, "x.bounds", ["two numbers"]),
    ({"bounds": [1, 2, 3]}, "x.bounds", ["two numbers"]),
    ({"bounds": ["1", "2"]}, "x.bounds", ["two numbers"]),
    ({"bounds": [False, True]}, "x.bounds", ["two numbers"]),
    ({"bounds": [3, 1]}, "x", ["smaller one first"]),
    ({"bounds": [0.5, 3], "value_type": "int"}, "x", ["0.5", "whole number"]),
    ({"bounds": [0, 3], "value_type": "str"}, "x.value_type", ["int or float"]),
    ({"bounds": [0, 3], "value_type": "integer"}, "x.value_type", ["'int'"]),
    ({"bounds": [0, 3], "log_scale": "yes"}, "x.log_scale", ["true or false"]),
    ({"bounds": [0, 3], "log_scale": True}, "x", ["above 0"]),
    ({"bounds": [0, 3], "step": 2}, "x", ["whole steps, got 2"]),
    ({"bounds": [0, 3], "step": -1}, "x", ["whole steps, got -1", "above 0"]),
    ({"bounds": [0, 3], "step": 0.5}, "x", ["step", "whole number"]),
    ({"bounds": [0, 3], "step": "1"}, "x.step", ["finite number"]),
    ({"bounds": [0, 1.0], "step": 1e-30}, "x", ["more than 1000000 values", "larger"]),
    ("range(0, 1e300, 1)", "x", ["more than 1000000 values"]),
    ({"bounds": [0, 10**400]}, "x", ["finite number"]),
    ({"values": []}, "x", ["empty"]),
    ({"values": "a,b"}, "x.values", ["list"]),
    ({"values": [1, 1.0]}, "x", ["duplicate"]),
    ({"values": [1, math.nan]}, "x", ["finite"]),
    ({"values": [1, object()]}, "x", ["a value must be null, true, false, a number", "got <object"]),
    ({"values": [1, "2"], "value_type": "int"}, "x.values", ["value_type int, got '2'", "leave value_type out"]),
    ({"values": [1, 2], "is_ordered": 1}, "x.is_ordered", ["true or false"]),
    ({"values": [{"a'b": 1}, 2]}, "x", ["cannot be written as a Hydra override"]),
    ({"value": 1, "value_type": "str"}, "x.value", ["value_type str, got 1"]),
]

KEY_MISTAKES: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"hydra.launcher.n_jobs": "1,2"}, "hydra.launcher.n_jobs", ["cannot be searched over", "one value"]),
    ({"+hydra/launcher": {"values": ["a", "b"]}}, "+hydra/launcher", ["cannot be searched over"]),
    ({"+a": "1,2"}, "+a", ["duplicate parameter", "once"]),
    ({"~x": "1,2"}, "~x", ["command line"]),
    ({"x y": "1,2"}, "hydra.sweeper.params.x y", ["Hydra cannot read"]),
]

ARGUMENT_MISTAKES = [
    (["x=1,2", "x=3,4"], "x", ["duplicate parameter", "once"]),
    (["+x=1,2", "x=3"], "x", ["duplicate parameter", "once"]),
    (["hydra.job.num=1,2"], "hydra.job.num", ["cannot be searched over"]),
    (["x=interval(3,1)"], "x", ["smaller one first"]),
    (["x=choice(1"], "x", ["Hydra cannot read"]),
]

MISTAKES: list[tuple[dict[str, Any], list[str], str, list[str]]] = [
    *[(config, [], key, words) for config, key, words in (*SETTINGS_MISTAKES, *OBJECTIVE_MISTAKES)],
    *[
        (
            {"params": {"fixed": 1, "stepped": "range(1, 9, 2)"}, "parameter_constraints": [text]},
            [],
            f"hydra.sweeper.parameter_constraints: {text!r}",
            words,
        )
        for text, words in CONSTRAINT_MISTAKES
    ],
    *[({"params": {"x": entry}}, [], key, words) for entry, key, words in PARAM_MISTAKES],
    *[({"params": params}, [], key, words) for params, key, words in KEY_MISTAKES],
    *[({}, arguments, key, words) for arguments, key, words in ARGUMENT_MISTAKES],
]


@pytest.mark.parametrize(("config", "arguments", "key", "words"), MISTAKES)
def test_a_mistake_names_its_key_and_its_remedy(
    config: dict[str, Any], arguments: list[str], key: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        check(config, arguments)
    message = str(error.value)
    assert "\n" not in message
    places = (key, f"hydra.sweeper.params.{key}", *arguments)
    assert message.startswith(tuple(f"{place}: " for place in places))
    assert [word for word in words if word not in message.removeprefix(key)] == []


def test_an_interpolation_to_nowhere_is_a_mistake_and_no_traceback() -> None:
    config = OmegaConf.create({"params": {"x": "interval(0, ${nowhere})"}})
    with pytest.raises(ConfigError, match=r"hydra\.sweeper: .*nowhere"):
        SearchSpace.from_config(config.params, [])


def test_a_sweep_without_parameters_tells_how_to_give_one() -> None:
    for params in ({}, {"x": 3}, {"x": "interval(1, 1)"}):
        with pytest.raises(ConfigError, match=r"hydra\.sweeper\.params: there is no parameter.*interval"):
            SearchSpace.from_config(params, ["y=3"])


def test_the_checks_load_neither_ax_nor_torch_nor_pandas() -> None:
    code = (
        "import sys, ax_moo.sweep.settings; print([m for m in ('ax', 'torch', 'pandas', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
