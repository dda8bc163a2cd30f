"""Where the page's plots open, from values alone."""

from pathlib import Path

import pytest
from fakes import TWO_OBJECTIVES, problem
from journals import life, write_journal

from ax_moo.html_report.payload import payload
from ax_moo.html_report.views import View, view
from ax_moo.storage.folder import open_folder

pytestmark = pytest.mark.hydra_free

GOOD = [0.93 + index / 1000 for index in range(40)]
"""From 0.93 to 0.969."""


def _holds(found: View | None, *values: float) -> bool:
    return found is not None and all(found[0] <= value <= found[1] for value in values)


def test_a_view_holds_threshold_and_frontier_and_leaves_outliers_out() -> None:
    found = view([0.34, 0.55, *GOOD], best=[0.95, 0.969], threshold=0.94)
    assert _holds(found, 0.93, 0.94, 0.969)
    assert not _holds(found, 0.85)
    assert not _holds(found, 0.98)


def test_without_outliers_all_is_shown() -> None:
    assert view(GOOD, best=[0.969], threshold=0.94) is None
    assert view(GOOD, best=[0.969]) is None
    assert view(GOOD) is None


@pytest.mark.parametrize("values", [[], [0.5], [7.0] * 20, [7.0, 7.0 + 1e-15] * 9, [0.1, 0.2]])
def test_few_or_equal_values_have_no_view(values: list[float]) -> None:
    assert view(values, best=values[:1]) is None
    assert view(values) is None


@pytest.mark.parametrize("huge", [1e7, 1e200, -1e200])
def test_one_huge_value_does_not_hide_the_others(huge: float) -> None:
    for found in (view([*GOOD, huge]), view([*GOOD, huge], best=[0.969]), view([*GOOD, huge], best=[0.95, 0.969])):
        assert _holds(found, 0.96, 0.969)
        assert not _holds(found, huge)


@pytest.mark.parametrize("huge", [1e20, 1e200, -1e200])
def test_even_the_best_value_does_not_hide_the_others_where_it_is_absurd(huge: float) -> None:
    for best in ([huge], [0.95, huge], [0.95, 0.96, huge]):
        found = view([*GOOD, huge], best)
        assert _holds(found, 0.95, 0.96)
        assert not _holds(found, huge)
    assert view([*GOOD, 1.5], best=[1.5]) is None  # merely the best by far


def test_what_overflows_has_no_axis() -> None:
    assert view([1.7e308, -1.7e308]) is None
    assert view([*GOOD, 1.7e308, -1.7e308], best=[1.7e308]) is None


def test_with_one_objective_the_worse_trials_stay_where_they_do_not_squeeze_the_others() -> None:
    assert view([1 - index / 40 for index in range(40)], best=[1.0]) is None
    diverged = [0.1 + index / 1000 for index in range(20)] + [1e7 + index for index in range(25)]
    found = view(diverged, best=[0.1])
    assert _holds(found, *diverged[:20])
    assert not _holds(found, 1e7)


def test_a_frontier_of_many_points_has_outliers_too() -> None:
    front = [1000.0 * index for index in range(10, 20)]
    assert _holds(view([*front, 1e7], best=[*front, 1e7], threshold=None), *front)
    assert view(front, best=front) is None


def test_a_loose_threshold_stays_outside_and_one_that_nothing_reached_is_inside() -> None:
    sizes = [20_000.0 + 1000 * index for index in range(40)]
    found = view(sizes, best=sizes[:5], threshold=1e7)
    assert _holds(found, *sizes[:10])
    assert not _holds(found, 1e7)
    assert _holds(found, *sizes), "no trial is in the way of the others"
    assert view(sizes[:3], best=sizes[:1], threshold=1e7) is None
    assert view(sizes, threshold=1000.0) is None
    assert _holds(view([*sizes, 1e9], threshold=1000.0), 1000.0, *sizes)


def test_the_page_has_a_view_for_each_metric_also_for_one_that_is_no_objective(tmp_path: Path) -> None:
    two = problem("x=interval(0, 1)", objectives=TWO_OBJECTIVES)
    outcomes = [{"f": 1.0 + index / 10, "g": 2.0 - index / 10, "other": 5.0 + index} for index in range(12)]
    outcomes[3] |= {"f": 1e7, "other": -1e9}
    trials = [life(index, {"x": 0.1}, outcome, index, index + 1) for index, outcome in enumerate(outcomes)]
    write_journal(tmp_path, two, [event for trial in trials for event in trial])
    found = payload(open_folder(tmp_path), None, 0.0)["views"]
    assert {name: _holds(each, 1e7) for name, each in found.items()} == {"f": False, "g": False, "other": False}
    assert found["g"] is None
    assert _holds(found["f"], 1.0)
    assert _holds(found["other"], 5.0, 16.0)
    assert not _holds(found["other"], -1e9)


SPREAD = [0.905 + index / 1000 for index in range(50)]


def test_an_outlier_takes_none_of_the_others_out_of_the_view() -> None:
    for best in ([], [0.946, 0.954]):
        assert view(SPREAD, best) is None
        found = view([0.34, *SPREAD], best)
        assert _holds(found, *SPREAD)
        assert not _holds(found, 0.34)


def test_a_threshold_that_nobody_reached_makes_no_room_for_an_outlier() -> None:
    found = view([0.34, *SPREAD], threshold=0.99)
    assert _holds(found, 0.954, 0.99)
    assert not _holds(found, 0.34)
