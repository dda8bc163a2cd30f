"""A mistake in the search space is told in plain words, with what to write instead."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ax_moo.problem.constraints import OutcomeConstraint
from ax_moo.problem.objectives import read_objectives
from ax_moo.search_space.space import SearchSpace
from ax_moo.session.command_line import check_readable
from ax_moo.session.unknown_keys import check_known
from ax_moo.sweep.settings import Settings
from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.one_hydra

X = "x=interval(0,1)"


def told(params: Mapping[Any, Any], arguments: Sequence[str] = ()) -> str:
    with pytest.raises(ConfigError) as error:
        SearchSpace.from_config(params, arguments)
    message = str(error.value)
    assert "\n" not in message
    for name in ("Exception", "Union[", "incompatible", "literal", "Error:"):
        assert name not in message
    return message


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("x=0.0:1.0", "x=0.0:1.0 is one value; write x=interval(0.0, 1.0)"),
        ("x=-5:5", "write x=interval(-5, 5)"),
        ("+x=1e-4:1", "write x=interval(1e-4, 1)"),
        ("act=[relu,tanh]", "act=[relu,tanh] is one value; write act=choice(relu,tanh)"),
        ("x='interval(0,1)'", "write x=interval(0,1)"),
        ("x=1", "there is no parameter to search over; give one there, such as lr:"),
        ("act=relu-tanh", "there is no parameter to search over; give one there"),
        ("x=intervall(0,1)", "there is no function 'intervall'; did you mean 'interval'? valid: interval, range"),
        ("x=uniform(0,1)", "there is no function 'uniform'; write interval(0, 1)"),
        ("x=loguniform(1e-4,1)", "write tag(log, interval(1e-4, 1e-1))"),
        ("x=log(0,1)", "write tag(log, interval(1e-4, 1e-1))"),
        ("x=interval(0,b)", "its argument end cannot be a text; write two numbers: interval(0, 1)"),
        ("x=interval(${y},1)", "its argument start cannot be a text; write two numbers: interval(0, 1)"),
        ("x=sort(interval(0,1))", "its argument cannot be an interval; write a choice or a range in it"),
        ("x=shuffle(interval(0,1))", "its argument cannot be an interval; write a choice or a range in it"),
        ("x=int(choice(a,b))", "'a' is not a number; write int(interval(1, 8))"),
        ("x=float(choice(a,b))", "'a' is not a number; write float(interval(1, 8))"),
    ],
)
def test_what_hydra_takes_for_something_else_is_told_with_what_was_meant(argument: str, words: str) -> None:
    assert words in told({}, [argument])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"x": "0.0:1.0"}, "is one value; write x=interval(0.0, 1.0)"),
        ({"x": "[0,1]"}, "is one value; write x=choice(0,1)"),
        (
            {"": X},
            "hydra.sweeper.params: Hydra cannot read the key ''; write it with dots and without spaces: model.lr",
        ),
        ({"x y": X}, "cannot read the key 'x y'; write it with dots"),
        ({"x=1": X}, "cannot read the key 'x=1'; write it with dots"),
        ({1: X}, "cannot read the key '1'; write it with dots"),
        ({"x": {}}, "params.x: type must be range, choice or fixed, got an empty mapping; write one, or a nested key"),
        (
            {"opt": {"lr": "interval(0,1)"}},
            "got none (its keys are lr); write one, or a nested key with dots, such as model.lr",
        ),
        (
            {"x": {"type": "rang", "bounds": [0, 1]}},
            "params.x: type must be range, choice or fixed, got 'rang'; did you",
        ),
        ({"x": {"type": ["range"], "bounds": [0, 1]}}, "params.x: type must be range, choice or fixed, got ['range']"),
        ({"x": {"type": {"a": 1}}}, "params.x: type must be range, choice or fixed, got {'a': 1}"),
        ({"x": {"bounds": [0, 1.5], "value_type": "int"}}, "got 1.5; change it, or write value_type: float"),
        ({"x": {"bounds": [0.0, 1.0], "step": 0.3}}, "in whole steps, got 0.3; change the step or a bound"),
        (None, "hydra.sweeper.params: must be a mapping, such as {lr: 'tag(log, interval(1e-4, 1e-1))'}, got null"),
    ],
)
def test_a_parameter_in_the_config_that_is_none_is_told_with_what_to_write(params: Any, words: str) -> None:
    assert words in told(params)


def test_all_fields_of_another_library_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"params\.x\.type \(write type: range with log_scale: true\)"):
        check_known({"params": {"x": {"type": "loguniform", "min": 1, "max": 2}}})
    with pytest.raises(ConfigError, match=r"params\.x\.low \(write bounds: \[LOW, HIGH\]\)"):
        check_known({"params": {"x": {"type": [1], "low": 1, "high": 2}}})


def test_a_metric_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="a metric must have a name, got ' '; write the one that the application"):
        read_objectives({" ": "maximize"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "grid"}, "hydra.sweeper.method: grid needs a list of values for each parameter; x: a continuous"),
        ({"n_initial": 30}, "at most n_trials, which is 20, got 30; lower it, or raise n_trials"),
    ],
)
def test_a_setting_is_told_with_its_remedy(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        Settings.from_config(settings, SearchSpace.from_config({}, [X]))
    assert words in str(error.value)


def test_a_weighted_metric_in_a_bound_is_refused() -> None:
    with pytest.raises(ConfigError, match="a metric has no weight here; write a alone, and divide the bound"):
        OutcomeConstraint.parse("2*a <= 1")
    assert OutcomeConstraint.parse("top 5 * all <= 1").metric == "top 5 * all"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("hydra.sweep.dir=null", "hydra.sweep.dir: must be a path, got null; give the folder of the sweep"),
        (
            "hydra.sweeper.outcome_constraints=a<=1",
            "Hydra cannot read it; write it in quotes for the shell: "
            "\"hydra.sweeper.outcome_constraints=['latency_ms <= 20']\"",
        ),
        ("hydra.sweeper.objectives={'a b': maximize}", '"hydra.sweeper.objectives={val_acc: {direction: maximize}}"'),
        ("hydra.sweeper.objectives.val/acc=maximize", '"hydra.sweeper.objectives={val/acc: maximize}"'),
        ("hydra.sweeper.objectives.a/b.threshold=1", '"hydra.sweeper.objectives={a/b: {threshold: 1}}"'),
        ("hydra.sweeper.params.x=interval(0,1)", "quotes of its own: 'hydra.sweeper.params.x=\"interval(0,1)\"'"),
        ("~hydra.sweeper.params.opt.lr", "fix its value instead: hydra.sweeper.params.opt.lr=VALUE"),
        ("hydra.sweeper.n_trials=(1", "Hydra cannot read it: it makes no sense near"),
    ],
)
def test_an_override_of_our_keys_that_hydra_cannot_read_is_told_with_an_example(override: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_readable([override])
    assert words in str(error.value)


def test_what_can_be_deleted_is_no_mistake() -> None:
    check_readable(["~x", "~hydra.sweeper.params.x", "~hydra.sweeper.params.x.step", "~hydra.sweeper.params"])
    check_readable(["hydra.sweeper.params.opt.lr='interval(0, 1)'", "~hydra.sweeper.params.opt.lr"])


@pytest.mark.parametrize(
    ("direction", "words"),
    [
        (
            {"acc": "maximize"},
            "got {'acc': 'maximize'}; write metrics with their directions in objectives",
        ),
        ([], "must be one of maximize, minimize, got []"),
    ],
)
def test_a_direction_of_another_kind_is_told_what_is_meant(direction: Any, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_objectives({}, direction)
    assert words in str(error.value)
