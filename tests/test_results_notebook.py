"""A sweep in a notebook: ax_moo.load on the folders that sweeps leave."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, problem

import ax_moo
from ax_moo.problem.problem import Problem
from ax_moo.storage.journal import Journal
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Job, Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

STARTED = 1_000_000.0
ONE_OBJECTIVE = {"f": {"direction": "maximize"}}


def _write(folder: Path, goals: Problem, trials: list[Trial], method: str = "auto") -> Path:
    journal = Journal(folder)
    journal.begin(goals.to_dict(), {"time": STARTED, "method": method, "seed": 1})
    for trial in trials:
        journal.record(trial)
    journal.close()
    return folder


def _completed(index: int, f: float, g: float, ended: float) -> Trial:
    point = {"x": (index * 0.37) % 1, "y": (index * 0.61) % 1}
    outcome = {"f": f, "g": g}
    return Trial(index, point, TrialStatus.COMPLETED, outcome=outcome, time=STARTED + ended, start_time=STARTED + index)


def _swept(folder: Path, method: str, objectives: dict[str, Any]) -> Path:
    """Ten completed trials, one that failed and one that runs."""
    waves = [(math.sin(i), (i % 4) / 4) for i in range(10)]
    trials = [_completed(i, f, g, ended=10.0 + i) for i, (f, g) in enumerate(waves)]
    trials.append(Trial(10, {"x": 0.9, "y": 0.05}, TrialStatus.FAILED, reason="boom", time=STARTED + 30))
    trials.append(Trial(11, {"x": 0.95, "y": 0.9}, TrialStatus.RUNNING, job=Job("11", ""), time=STARTED + 31))
    goals = problem("x=interval(0,1)", "y=interval(0,1)", objectives=objectives)
    return _write(folder, goals, trials, method)


def test_the_tables_hold_what_the_journal_says(tmp_path: Path) -> None:
    goals = problem(objectives=TWO_OBJECTIVES)
    trials = [_completed(1, 0.5, 0.5, ended=5), _completed(0, 0.25, 0.25, ended=8), _completed(2, 0.2, 0.9, ended=9)]
    trials.append(Trial(3, {"x": 0.5, "y": 0.5}, TrialStatus.FAILED, reason="boom", time=STARTED + 9))
    swept = ax_moo.load(_write(tmp_path, goals, trials))
    assert swept.problem == goals
    assert swept.trials["trial"].tolist() == [0, 1, 2, 3]
    assert swept.trials["status"].tolist() == ["COMPLETED"] * 3 + ["FAILED"]
    assert swept.trials["x"].tolist() == [0.0, 0.37, 0.74, 0.5]
    assert swept.pareto_frontier[["trial", "f", "g"]].to_numpy().tolist() == [[0, 0.25, 0.25], [1, 0.5, 0.5]]
    # In order of completion, above the thresholds f >= 0 and g <= 1.
    assert swept.hypervolume["trial"].tolist() == [1, 0, 2]
    assert swept.hypervolume["time"].tolist() == [5, 8, 9]
    assert swept.hypervolume["hypervolume"].tolist() == pytest.approx([0.25, 0.3125, 0.3125])


def test_with_one_objective_the_frontier_is_the_best_trial(tmp_path: Path) -> None:
    swept = ax_moo.load(_swept(tmp_path, "auto", ONE_OBJECTIVE))
    assert swept.pareto_frontier["trial"].tolist() == [8]
    assert swept.hypervolume["hypervolume"].is_monotonic_increasing


def test_a_folder_without_a_sweep_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no sweep"):
        ax_moo.load(tmp_path)


@pytest.mark.parametrize("method", ["auto", "sobol"])
def test_axs_analyses_work_whatever_the_method_was(tmp_path: Path, method: str) -> None:
    client = ax_moo.load(_swept(tmp_path, method, TWO_OBJECTIVES)).ax()
    from ax.analysis.plotly.cross_validation import CrossValidationPlot

    cards = _flat(client.compute_analyses([CrossValidationPlot()], display=False))
    assert {card.name for card in cards} == {"CrossValidationPlot"}
    assert _errors(cards) == []
    frontier = [trial for _, _, trial, _ in client.get_pareto_frontier()]
    assert frontier
    assert set(frontier) <= set(range(10))


def test_so_does_axs_own_choice_of_analyses_also_for_one_objective(tmp_path: Path) -> None:
    client = ax_moo.load(_swept(tmp_path, "sobol", ONE_OBJECTIVE)).ax()
    cards = _flat(client.compute_analyses(display=False))
    expected = {"ArmEffectsPlot", "ContourPlot", "CrossValidationPlot", "SensitivityAnalysisPlot"}
    assert expected <= {card.name for card in cards}
    assert _errors(cards) == []
    assert client.get_best_parameterization()[2] in range(10)


@pytest.mark.parametrize("method", ["auto", "sobol"])
def test_the_model_predicts_without_another_call_in_a_process_whose_arguments_are_another_programs(
    tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest", "-rA", "-f", "kernel.json"])
    results = ax_moo.load(_swept(tmp_path, method, TWO_OBJECTIVES))
    (predicted,) = results.ax().predict([{"x": 0.37, "y": 0.61}])
    assert predicted.keys() == {"f", "g"}
    assert results.predict([{"x": 0.37, "y": 0.61}]) == [predicted]
    assert -1 <= predicted["f"][0] <= 1


def test_predictions_are_in_the_sweeps_own_names_and_values(tmp_path: Path) -> None:
    goals = problem(
        "net/lr=tag(log, interval(1e-4, 1e-1))",
        "depth=range(1, 9, 2)",
        "+seed=choice(3)",
        objectives={"val/acc": "maximize"},
    )
    rates = [10 ** (-4 + (0.3 * i) % 3) for i in range(8)]
    points = [{"net/lr": rate, "depth": 1 + 2 * (i % 4)} for i, rate in enumerate(rates)]
    trials = [
        Trial(i, point, TrialStatus.COMPLETED, outcome={"val/acc": math.log10(point["net/lr"])}, time=STARTED + i)
        for i, point in enumerate(points)
    ]
    results = ax_moo.load(_write(tmp_path, goals, trials))
    (predicted,) = results.predict([points[3]])
    assert predicted["val/acc"][0] == pytest.approx(math.log10(rates[3]), abs=0.3)


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"x": 0.5}, r"points\[1\]: the parameter 'y' is missing; give it a value"),
        ({"x": 2.0, "y": 0.5}, r"points\[1\]\.x: .*; give a value of the search space"),
        ({"x": 0.5, "y": 0.5, "z": 1}, r"points\[1\]\.z: unknown parameter"),
    ],
)
def test_a_point_outside_the_search_space_is_told_in_a_sentence(
    tmp_path: Path, point: dict[str, float], words: str
) -> None:
    results = ax_moo.load(_swept(tmp_path, "auto", ONE_OBJECTIVE))
    assert results.predict([]) == []
    with pytest.raises(ConfigError, match=words):
        results.predict([{"x": 0.5, "y": 0.5}, point])


def test_a_sweep_without_results_has_a_client_and_says_that_it_cannot_predict(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results = ax_moo.load(_write(tmp_path, problem(objectives=TWO_OBJECTIVES), []))
    assert results.ax()
    assert "client.predict does not work" in caplog.text
    with pytest.raises(ConfigError, match="has no completed trial; load it again when there are results"):
        results.predict([{"x": 0.5, "y": 0.5}])


def _flat(cards: list[Any]) -> list[Any]:
    return [leaf for card in cards for leaf in card.flatten()]


def _errors(cards: list[Any]) -> list[str]:
    from ax.core.analysis_card import ErrorAnalysisCard

    return [card.blob for card in cards if isinstance(card, ErrorAnalysisCard)]
