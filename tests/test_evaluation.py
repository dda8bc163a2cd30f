from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from fakes import TWO_OBJECTIVES, problem

from ax_moo.sweep.steps.evaluation import BadOutcome, check_sems, to_outcome

pytestmark = pytest.mark.hydra_free

ONE = problem()
TWO = problem(objectives=TWO_OBJECTIVES)
CONSTRAINED = problem(objectives=TWO_OBJECTIVES, outcome_constraints=["top 1 >= 0.5"])


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (3, {"objective": 3.0}),
        (np.float32(0.5), {"objective": 0.5}),
        (torch.tensor(0.5), {"objective": 0.5}),
        ({"objective": np.array([0.5]), "more": np.array([2])}, {"objective": 0.5, "more": 2.0}),
        ((1.5, 0.25), {"objective": (1.5, 0.25)}),
        ([torch.tensor(1.0), np.float64(0)], {"objective": (1.0, 0.0)}),
        ({"objective": 2}, {"objective": 2.0}),
        ([4.0], {"objective": 4.0}),
    ],
)
def test_one_objective_may_be_a_number_a_mean_with_sem_or_a_mapping(value: Any, outcome: Any) -> None:
    assert to_outcome(value, ONE) == outcome


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ((0.9, 3), {"f": 0.9, "g": 3.0}),
        (np.array([0.9, 3]), {"f": 0.9, "g": 3.0}),
        ({"f": 1, "g": 2, "huge": 10**400}, {"f": 1.0, "g": 2.0}),
        ([(0.9, 0.1), 3], {"f": (0.9, 0.1), "g": 3.0}),
        (OrderedDict(g=torch.tensor(3), f=np.float64(0.9)), {"f": 0.9, "g": 3.0}),
        ({"f": 1, "g": 2, "epoch": 7, "note": "text", "bad": float("nan")}, {"f": 1.0, "g": 2.0, "epoch": 7.0}),
    ],
)
def test_several_objectives_go_by_name_or_by_order_and_other_metrics_are_kept(value: Any, outcome: Any) -> None:
    assert to_outcome(value, TWO) == outcome


def test_odd_metric_names_are_matched_as_they_are() -> None:
    assert to_outcome({"f": 1, "g": 2, "top 1": 0.7}, CONSTRAINED)["top 1"] == 0.7


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "must return a mapping with 'f', 'g', or a sequence of 2 numbers in that order, got None"),
        ("0.93", "got '0.93'"),
        ({}, "got an empty mapping; missing: 'f', 'g'"),
        ({"f": 1}, "got 'f'; missing: 'g'"),
        ({"f": 1, "g": float("nan")}, "'g' must be a finite number between -1e+100 and 1e+100, got nan"),
        ({"f": float("-inf"), "g": 1}, "'f' must be a finite number between -1e+100 and 1e+100, got -inf"),
        ({"f": 1e308, "g": 1}, "finite"),
        ({"f": 10**400, "g": 1}, "finite"),
        (np.array([1.0, 2.0, 3.0]), "sequence of 2 numbers"),
        ({"f": "0.9", "g": 1}, "'f' must be a number, got '0.9'"),
        ({"f": None, "g": 1}, "'f' must be a number, got None"),
        ({"f": True, "g": 1}, "'f' must be a number, got True"),
        ({"f": torch.ones(3), "g": 1}, "'f' must be a number, got tensor"),
        ({"f": (1, -0.5), "g": 1}, "the SEM of 'f' must be a number of at least 0, got -0.5"),
        ({"f": (1, None), "g": 1}, "the SEM of 'f' must be a number, got None"),
        ((1, 2, 3), "sequence of 2 numbers"),
        (3.0, "mapping with 'f', 'g'"),
        (object, "mapping with 'f', 'g'"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(value: Any, words: str) -> None:
    with pytest.raises(BadOutcome, match=r"must .*, got ") as caught:
        to_outcome(value, TWO)
    assert words in str(caught.value)


def test_a_metric_has_an_sem_in_all_trials_or_in_none() -> None:
    plain, with_sem = {"objective": 1.0}, {"objective": (1.0, 0.1)}
    check_sems(plain, plain, ONE)
    check_sems(with_sem, None, ONE)
    with pytest.raises(BadOutcome, match="got one after earlier trials with none"):
        check_sems(with_sem, plain, ONE)
    with pytest.raises(BadOutcome, match="got none after earlier trials with one"):
        check_sems(plain, with_sem, ONE)
