"""What the page says about a model that predicts badly."""

import random
import re
from typing import Any

import pytest
from fakes import problem

from ax_moo.html_report.advice import advice, advised

pytestmark = pytest.mark.hydra_free

SPACE = problem("x=interval(0, 1)", "y=interval(0, 1)", objectives={"f": {"direction": "minimize"}})
DRAW = random.Random(3)
USUAL = [DRAW.gauss(1.0, 0.1) for _ in range(40)]


def said(observed: list[float], r2: float | None = 0.1, sem: float = 0.0, space: Any = SPACE) -> str | None:
    return advice({"observed": observed, "observed_ci": [1.96 * sem or None] * len(observed), "r2": r2}, space)


def test_a_good_model_or_one_that_was_not_validated_needs_no_advice() -> None:
    assert said(USUAL, r2=0.8) is None
    assert advice(None, SPACE) is None
    assert advised(None, SPACE) is None
    assert advised({"why_not": "no trials", "metrics": {}}, SPACE) == {"why_not": "no trials", "metrics": {}}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"observed": [7.0] * 20, "r2": None}, "All trials have the same value"),
        ({"observed": [0.1, 0.2] * 20}, "only 2 different values"),
        ({"observed": [*USUAL, 50.0]}, "One trial lies far from all others"),
        ({"observed": [*USUAL, 50.0, 1e7]}, "2 trials lie far from all others, .* return the metric's logarithm"),
        ({"observed": USUAL[:9]}, "9 trials are few for 2 parameters: raise n_trials"),
        ({"observed": USUAL, "sem": 0.09}, "more seeds or more data"),
        ({"observed": USUAL}, "40 trials did not show what the metric depends on: .* other seeds"),
    ],
)
def test_advice_follows_from_what_is_known(given: dict[str, Any], words: str) -> None:
    sentence = said(**given)
    assert sentence is not None
    assert re.search(words, sentence), sentence
    assert sentence.count(". ") <= 1


def test_a_wide_linear_range_is_told_to_be_logarithmic() -> None:
    space = problem(
        *("lr=interval(1e-5, 0.1)", "eps=interval(1e-9, 1e-3)", "wd=tag(log, interval(1e-5, 0.1))"),
        objectives={"f": {"direction": "minimize"}},
    )
    sentence = said(USUAL, space=space)
    assert sentence is not None
    assert sentence.startswith("lr and eps range over orders of magnitude: search on a logarithmic scale")


def test_advice_is_added_to_analyses_that_an_earlier_version_has_kept() -> None:
    kept = {"why_not": None, "metrics": {"f": {"cross_validation": None}, "g": {}}}
    found = advised(kept, SPACE)
    assert found is not None
    assert [model["advice"] for model in found["metrics"].values()] == [None, None]
