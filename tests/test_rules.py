import math
from typing import Any

import pytest

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import (
    FLAG,
    NAME,
    Rule,
    a_list,
    check,
    check_keys,
    check_values,
    number,
    number_above_0,
    one_of,
    or_null,
    whole_number,
)

pytestmark = pytest.mark.hydra_free

RATE = number("a number between 0 and 1", lambda value: 0 <= value <= 1)


@pytest.mark.parametrize(
    ("rule", "kept", "broken"),
    [
        (whole_number(1), [1, 10**400], [0, True, 1.0, "1", None]),
        (whole_number(0, 3), [0, 3], [-1, 4]),
        (RATE, [0, 1, 0.5], [1.5, math.nan, "0.5", True, 10**400, None]),
        (number_above_0("hours"), [0.1, 3], [0, math.inf, "2"]),
        (one_of(("a", "b")), ["a", "b"], ["c", None, 1, ["a"]]),
        (FLAG, [True, False], [1, "yes", None]),
        (NAME, ["x"], ["", " ", 3, None]),
        (a_list("texts", lambda item: isinstance(item, str)), [[], ["a"]], ["a", [1], {"a": 1}, None]),
        (or_null(whole_number(1)), [None, 1], [0, "1"]),
    ],
)
def test_a_rule_holds_for_its_values_alone(rule: Rule, kept: list[Any], broken: list[Any]) -> None:
    assert [value for value in kept if not rule.holds(value)] == []
    assert [value for value in broken if rule.holds(value)] == []


def test_a_broken_rule_names_the_key_what_is_wanted_and_what_came() -> None:
    with pytest.raises(ConfigError) as error:
        check_values("hydra.sweeper", {"n_jobs": 2, "n_trials": "10"}, dict.fromkeys(("n_jobs", "n_trials"), COUNT))
    assert str(error.value) == "hydra.sweeper.n_trials: must be a whole number of at least 1, got '10'"
    assert or_null(RATE).complaint(2) == "must be a number between 0 and 1, or null, got 2"


COUNT = whole_number(1)


def test_a_misspelt_word_or_key_is_told_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError) as error:
        check("method", "sobl", or_null(one_of(("auto", "sobol"))))
    assert str(error.value) == "method: must be one of auto, sobol, or null, got 'sobl'; did you mean 'sobol'?"
    with pytest.raises(ConfigError) as error:
        check_keys("hydra.sweeper", ["n_jobs", "n_trial"], ("n_jobs", "n_trials"))
    assert str(error.value) == "hydra.sweeper.n_trial: unknown key; did you mean 'n_trials'? valid: n_jobs, n_trials"


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "null"), (True, "true"), ([None, {"a": False}], "[null, {'a': false}]"), ("None", "'None'"), (1.5, "1.5")],
)
def test_a_message_shows_a_value_as_yaml_writes_it(value: object, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        check("n_trials", value, whole_number(1))
    assert str(error.value) == f"n_trials: must be a whole number of at least 1, got {told}"
