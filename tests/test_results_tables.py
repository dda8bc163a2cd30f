import csv
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from fakes import TWO_OBJECTIVES, problem

from ax_moo.results.tables import optimization_results, trials_frame, write_results
from ax_moo.trial import Attempt, Job, Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

TWO = problem("x=interval(0, 1)", "opt=choice(adam, 'a,b')", objectives=TWO_OBJECTIVES)


def _trials() -> list[Trial]:
    first = Trial(0, {"x": 0.1 + 0.2, "opt": "a,b"}, generation_node="Sobol", time=10.0)
    first = first.to(TrialStatus.RUNNING, job=Job("7", "/jobs/0"), time=11.0)
    second = Trial(1, {"x": 0.5, "opt": "adam"}, time=10.0).to(TrialStatus.RUNNING, job=Job("8", "/jobs/1"), time=11.0)
    return [
        first.to(TrialStatus.COMPLETED, outcome={"f": (0.5, 0.01), "g": 0.25, "epoch": 3.0}, time=13.5),
        second.to(TrialStatus.FAILED, reason="boom", time=12.0),
        second.to(TrialStatus.COMPLETED, outcome={"f": -1.0, "g": 0.1}, time=14.0),
    ]


def test_the_table_has_the_documented_columns_in_their_order(tmp_path: Path) -> None:
    write_results(tmp_path, _trials(), TWO)
    table = pd.read_csv(tmp_path / "trials.csv")
    about = ["trial", "status", "generation_node", "job_id", "start_time", "end_time", "duration_s"]
    assert list(table.columns) == [*about, "x", "opt", "f", "g", "epoch", "f_sem", "feasible", "pareto"]
    first = table.iloc[0]
    assert (first.opt, first.f, first.f_sem) == ("a,b", 0.5, 0.01)
    with (tmp_path / "trials.csv").open(newline="") as file:
        assert float(next(csv.DictReader(file))["x"]) == 0.1 + 0.2  # pandas before 3 rounds what it reads
    assert first.duration_s == 2.5
    assert first.start_time == "1970-01-01T00:00:11.000+00:00"
    assert table.pareto.tolist() == [True, False, False]
    assert table.feasible.tolist()[0] is True
    assert pd.isna(table.f[1])


def test_what_was_requested_has_columns_where_attempts_may_differ() -> None:
    first, failed, last = _trials()
    assert first.job is not None
    again = first.to(TrialStatus.RUNNING, job=replace(first.job, request={"mem_gb": 8, "timeout_min": 60}), time=12.0)
    lost = Attempt(Job("6", "/jobs/0", "slurm", {"mem_gb": 4, "timeout_min": 60}), "OUT_OF_MEMORY")
    table = trials_frame([replace(again, previous_attempts=(lost,)), failed, last], TWO)
    assert list(table.columns)[-3:] == ["attempt", "requested_mem_gb", "requested_timeout_min"]
    assert table.iloc[0][["attempt", "requested_mem_gb", "requested_timeout_min"]].tolist() == [2, 8, 60]
    assert table.attempt.tolist() == [2, 1, 1]
    named = problem("attempt=interval(0, 1)")
    trial = replace(again, parameterization={"attempt": 0.5})
    assert list(trials_frame([trial], named).columns)[7] == "param.attempt"


def test_the_frontier_is_written_with_exact_values(tmp_path: Path) -> None:
    write_results(tmp_path, _trials(), TWO)
    results = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())
    solution = {"trial": 0, "params": {"x": 0.1 + 0.2, "opt": "a,b"}, "values": {"f": 0.5, "g": 0.25}}
    assert results == {"name": "ax_moo", "solutions": [solution]}


def test_with_one_objective_the_best_parameters_and_result_are_named() -> None:
    one = problem("x=interval(0, 1)")
    trials = [
        Trial(i, {"x": x}, TrialStatus.COMPLETED, outcome={"objective": value})
        for i, (x, value) in enumerate([(0.1, 3.0), (0.2, 1.0)])
    ]
    results = optimization_results(trials, one)
    assert results["best_evaluated_params"] == {"x": 0.2}
    assert results["best_evaluated_result"] == 1.0


def test_a_solution_has_what_was_fixed_for_its_own_job_where_the_sweep_was_resumed_with_something_else(
    tmp_path: Path,
) -> None:
    goals = problem("x=interval(0, 1)", "trainer=new", objectives=TWO_OBJECTIVES)
    trials = [
        Trial(i, {"x": 0.1 * i}, TrialStatus.COMPLETED, outcome={"f": float(i), "g": i / 4}, time=1.0) for i in range(3)
    ]
    for trial, fixed in ((0, "- trainer=old\n- +token=abc\n"), (1, "- trainer=new\n"), (2, "")):
        noted = tmp_path / f"{trial}/.hydra"
        noted.mkdir(parents=True)
        (noted / "overrides.yaml").write_text(f"{fixed}- x={0.1 * trial}\n")
        (noted / "hydra.yaml").write_text(f"hydra:\n  job:\n    num: {trial}\n")
    write_results(tmp_path, trials, goals)
    results = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())
    assert results["fixed"] == ["trainer=old", "+token=***"]
    assert [each.get("fixed") for each in results["solutions"]] == [None, ["trainer=new"], []]
    one = problem("x=interval(0, 1)", "trainer=new", objectives={"g": {"direction": "minimize"}})
    write_results(tmp_path, [trials[0]], one)
    assert yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())["fixed"] == results["fixed"]


def test_names_that_are_taken_get_a_prefix() -> None:
    clashing = problem("status=interval(0, 1)", "f=interval(0, 1)", objectives=TWO_OBJECTIVES)
    trial = Trial(0, {"status": 0.5, "f": 0.25}, TrialStatus.COMPLETED, outcome={"f": 1.0, "g": 2.0})
    row = trials_frame([trial], clashing).iloc[0]
    assert (row["status"], row["param.status"], row["f"], row["metric.f"]) == ("COMPLETED", 0.5, 0.25, 1.0)


def test_a_metric_that_is_called_like_anothers_sem_keeps_its_column() -> None:
    trial = Trial(
        0, {"x": 0.5, "opt": "adam"}, TrialStatus.COMPLETED, outcome={"f": (1.0, 0.1), "g": 2.0, "f_sem": 7.0}
    )
    row = trials_frame([trial], TWO).iloc[0]
    assert (row["f_sem"], row["sem.f_sem"]) == (7.0, 0.1)


def test_a_value_that_stands_in_two_places_is_written_twice(tmp_path: Path) -> None:
    one = problem("x=choice([1, 2], [3])", "y=interval(0, 1)")
    trial = Trial(0, {"x": [1, 2], "y": 0.5}, TrialStatus.COMPLETED, outcome={"objective": 1.0})
    write_results(tmp_path, [trial], one)
    text = (tmp_path / "optimization_results.yaml").read_text()
    assert "&id" not in text
    assert yaml.safe_load(text)["best_evaluated_params"] == {"x": [1, 2], "y": 0.5}


def test_a_sweep_without_trials_is_an_empty_table() -> None:
    frame = trials_frame([], TWO)
    assert len(frame) == 0
    assert "x" in frame.columns


def test_names_and_values_that_are_no_utf8_are_escaped() -> None:
    goals = problem("x=choice(a, b)", objectives={"f": {"direction": "minimize"}})
    trial = Trial(0, {"x": "a\udcff"}, TrialStatus.COMPLETED, outcome={"f": (1.0, 0.1), "m\udcff": (2.0, 0.1)})
    (row,) = trials_frame([trial], goals).to_dict("records")
    assert (row["x"], row["m\\udcff"], row["m\\udcff_sem"]) == ("a\\udcff", 2.0, 0.1)
