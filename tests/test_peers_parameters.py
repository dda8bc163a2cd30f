"""What the Optuna, Ax and Nevergrad sweepers' own tests give to their parsers, written anew, means the same in ours.

Where it does not on the command line, ``ax-moo migrate`` rewrites it; docs/migrating.md lists these cases.
"""

from typing import Any

import pytest

from ax_moo.migrating.parameters import parameters
from ax_moo.search_space.space import Choice, Fixed, Range, SearchSpace

pytestmark = pytest.mark.one_hydra

OPTUNA: list[tuple[str, Any]] = [
    ("choice(1,2)", Choice("x", (1, 2), True)),
    ("choice(true, false)", Choice("x", (True, False), False)),
    ("choice('hello', 'world')", Choice("x", ("hello", "world"), False)),
    ("shuffle(range(1,3))", Range("x", 1, 2, "int")),
    ("range(1,3)", Range("x", 1, 3, "int")),
    ("interval(1, 5)", Range("x", 1.0, 5.0, "float")),
    ("int(interval(1, 5))", Range("x", 1, 5, "int")),
    ("tag(log, interval(1, 5))", Range("x", 1.0, 5.0, "float", log_scale=True)),
    ("tag(log, int(interval(1, 5)))", Range("x", 1, 5, "int", log_scale=True)),
    ("range(0.5, 5.5, step=1)", Range("x", 0.5, 5.5, "float", step=1.0)),
    ("range(-5.5, 5.5, step=0.5)", Range("x", -5.5, 5.5, "float", step=0.5)),
    ("range(0, 5, step=0.5)", Range("x", 0.0, 5.0, "float", step=0.5)),
    ("range(0, 8, 4)", Range("x", 0, 8, "int", step=4)),
    ("float(range(1, 5))", Range("x", 1.0, 5.0, "float", step=1.0)),
    ("choice(-5 ,0 ,5)", Choice("x", (-5, 0, 5), True)),
    ("5", Fixed("x", 5)),
]
NOT_AS_IT_IS = {text for text, _ in OPTUNA if "range(" in text and "shuffle" not in text}
"""Optuna's range includes its end; ours is Hydra's."""

AX: list[tuple[Any, Any]] = [
    ("choice(-1, 0, 1)", Choice("x", (-1, 0, 1), True)),
    ("range(-1, 2)", Range("x", -1, 1, "int")),
    ("range(-1, 3, 1)", Range("x", -1, 2, "int")),
    ("range(-1, 2, 0.5)", Range("x", -1.0, 1.5, "float", step=0.5)),
    ("int(interval(-1, 2))", Range("x", -1, 2, "int")),
    ("interval(-1, 2)", Range("x", -1.0, 2.0, "float")),
    ("tag(log, interval(0.00001, 1))", Range("x", 1e-5, 1.0, "float", log_scale=True)),
    ("2", Fixed("x", 2)),
    ("2.0", Fixed("x", 2.0)),
    ("[-1, 0, 1],[2, 3, 4],[5, 6, 7]", Choice("x", ([-1, 0, 1], [2, 3, 4], [5, 6, 7]), False)),
    ("choice([8, 12, 11],[-1, -1, 1000])", Choice("x", ([8, 12, 11], [-1, -1, 1000]), False)),
    ("{a:1,b:2},{a:3,b:4}", Choice("x", ({"a": 1, "b": 2}, {"a": 3, "b": 4}), False)),
    ({"type": "range", "bounds": [-1, 1]}, Range("x", -1, 1, "int")),
    ({"type": "range", "bounds": [-5, 10.1]}, Range("x", -5.0, 10.1, "float")),
    ({"type": "range", "bounds": [1e-6, 1], "log_scale": True}, Range("x", 1e-6, 1.0, "float", log_scale=True)),
    ({"type": "choice", "values": ["a", "b"]}, Choice("x", ("a", "b"), False)),
    ({"type": "fixed", "value": 3}, Fixed("x", 3)),
]

NEVERGRAD: list[tuple[Any, Any]] = [
    ("choice(1,2)", Choice("x", (1, 2), True)),
    ("choice('hello','world')", Choice("x", ("hello", "world"), False)),
    ("tag(ordered, choice(1,2,3))", Choice("x", (1, 2, 3), True)),
    ("tag(ordered, choice('hello','world', 'nevergrad'))", Choice("x", ("hello", "world", "nevergrad"), True)),
    ("range(1,3)", Range("x", 1, 2, "int")),
    ("shuffle(range(1,3))", Range("x", 1, 2, "int")),
    ("range(1,5)", Range("x", 1, 4, "int")),
    ("float(range(1,5))", Range("x", 1.0, 4.0, "float", step=1.0)),
    ("int(interval(1,12))", Range("x", 1, 12, "int")),
    ("tag(log, interval(1,12))", Range("x", 1.0, 12.0, "float", log_scale=True)),
    ("tag(log, int(interval(1,12)))", Range("x", 1, 12, "int", log_scale=True)),
    ("abc", Fixed("x", "abc")),
    ("'a&c'", Fixed("x", "a&c")),
    ("'${f:${x}}'", Fixed("x", "${f:${x}}")),
    ("0", Fixed("x", 0)),
    ("true", Fixed("x", True)),
    ("null", Fixed("x", None)),
]
NEVERGRADS_FORMS: list[tuple[Any, Any]] = [
    ([1, 2, 3], Choice("x", (1, 2, 3), True)),
    (["1", "2", "3"], Choice("x", ("1", "2", "3"), False)),
    ({"lower": 1, "upper": 12, "log": True}, Range("x", 1.0, 12.0, "float", log_scale=True)),
    ({"lower": 1, "upper": 12}, Range("x", 1.0, 12.0, "float")),
    ({"lower": 1, "upper": 12, "integer": True}, Range("x", 1, 12, "int")),
    ({"lower": 1, "upper": 12, "log": True, "integer": True}, Range("x", 1, 12, "int", log_scale=True)),
]
OTHER_FORMS: list[tuple[Any, Any]] = [
    ("choice(null, 0.5)", Choice("x", (None, 0.5), False)),
    ({"type": "int", "low": 0.5, "high": 3.7}, Range("x", 0, 3, "int")),
    ({"type": "categorical", "choices": "${options}"}, {"type": "choice", "values": "${options}"}),
    ({"type": "choice", "values": ["s", "m"], "is_ordered": True, "new": 1}, Choice("x", ("s", "m"), True)),
    ({"type": "range", "bounds": [1, 10], "backfill_value": 2}, Range("x", 1, 10, "int")),
    ({"type": "fixed", "value": 8, "backfill_value": 2}, Fixed("x", 8)),
]


def read(value: Any) -> Any:
    return SearchSpace.from_config({"x": value}, ["other=choice(left, right)"]).parameters[0]


def migrated(value: Any, *, of_optuna: bool = False) -> Any:
    (item,) = parameters({"x": value}, (), range_includes_end=of_optuna, lists_are_choices=True)
    return read(item.value)


@pytest.mark.parametrize(("text", "parameter"), OPTUNA)
def test_what_optunas_tests_read_is_searched_as_optuna_does(text: str, parameter: Any) -> None:
    assert migrated(text, of_optuna=True) == parameter
    assert (read(text) == parameter) == (text not in NOT_AS_IT_IS)


@pytest.mark.parametrize(("value", "parameter"), [*AX, *NEVERGRAD])
def test_what_the_tests_of_ax_and_nevergrad_read_is_ours_as_it_is(value: Any, parameter: Any) -> None:
    assert read(value) == parameter
    assert migrated(value) == parameter


@pytest.mark.parametrize(("value", "parameter"), NEVERGRADS_FORMS)
def test_nevergrads_lists_and_mappings_are_rewritten(value: Any, parameter: Any) -> None:
    assert migrated(value) == parameter


@pytest.mark.parametrize(("value", "parameter"), OTHER_FORMS)
def test_no_parameter_is_lost_or_changed_for_a_field_that_says_nothing(value: Any, parameter: Any) -> None:
    (item,) = parameters({"x": value}, (), range_includes_end=False, lists_are_choices=True)
    assert item.value == parameter or read(item.value) == parameter


def test_a_sweep_inside_another_is_no_parameter_of_ours() -> None:
    (item,) = parameters({"x": "choice(range(1, 3), 7)"}, (), range_includes_end=True, lists_are_choices=True)
    assert "one sweep cannot stand inside another" in str(item)


def test_a_deletion_and_a_fixed_value_on_the_command_line_reach_every_trial() -> None:
    space = SearchSpace.from_config({}, ["a=choice(1, 2)", "b=5", "~z", "~y=10"])
    assert space.names == ("a",)
    assert space.overrides == ("b=5", "~z", "~y=10")


def test_a_range_without_two_bounds_has_none_in_ours() -> None:
    (item,) = parameters(
        {"x": {"init": 0.02, "step": 2.0, "log": True}}, (), range_includes_end=False, lists_are_choices=True
    )
    assert "it has no two bounds" in str(item)
