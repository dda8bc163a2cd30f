"""The benchmarks that need Ax and no jobs, each with a few trials in this process."""

import argparse
from collections.abc import Callable
from typing import Any

import lookahead
import pytest
import quality
import suggest

from ax_moo.optimizer.base import Lookahead

pytestmark = [pytest.mark.hydra_free, pytest.mark.filterwarnings("ignore")]


def options(module: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> argparse.Namespace:
    monkeypatch.setattr("sys.argv", ["benchmark", *arguments])
    read: Callable[[], argparse.Namespace] = module._options
    return read()


def test_the_cost_of_candidates_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    one = suggest.only("auto", [6], repeats=1, seed=0)
    ((cpu, wall),) = one["seconds"]["6"]
    assert cpu > 0
    assert wall > 0
    half = {"seconds": {"48": [[2.0, 3.0]]}}
    whole = {"seconds": {"48": [[4.0, 3.0]]}}
    given = options(suggest, monkeypatch, "--observations=48")
    shown = suggest.result(given, [48], {("auto", "one"): half, ("bare", "one"): whole, ("auto", "free"): half})
    assert [(figure.value, figure.is_met) for figure in shown.figures] == [(0.5, True)]


def test_the_quality_of_candidates_is_compared_seed_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    row = quality.measure("sobol", 0, 6, noisy=False)
    assert 0 <= row["wide @6"] <= 1
    rows = [
        {"method": method, "seed": seed, "CPU s": 1.0, "wide @6": share}
        for method, shares in (("auto", (0.5, 0.9)), ("bare", (0.4, 0.6)))
        for seed, share in enumerate(shares)
    ]
    (figure,) = quality.result(options(quality, monkeypatch, "--seeds=2"), rows).figures
    assert figure.value == pytest.approx(0.2)
    assert figure.is_met


def test_lookahead_is_measured_in_simulated_time() -> None:
    durations = [30.0, 40.0, 20.0, 50.0, 30.0, 60.0]
    found = lookahead.simulate(Lookahead.AUTO, durations, 2, 0)
    given = argparse.Namespace(trials=6, slots=2, seeds=1, medians=[30.0], sigma=1.0, json=None)
    (figure,) = lookahead.result(given, {30.0: {Lookahead.AUTO: found}}).figures
    assert found["over_ideal"] >= 1
    assert figure.value == 100 * found["without_candidate"]
