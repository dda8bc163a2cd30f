import csv
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes import TWO_OBJECTIVES, problem
from journals import BEGUN, life, running, staged, write_journal

import ax_moo
from ax_moo.html_report.payload import payload
from ax_moo.html_report.timeline import timeline
from ax_moo.jobs.ownership import RECORD_FILE, Owner, claim
from ax_moo.results.tables import write_results
from ax_moo.storage.folder import open_folder
from ax_moo.trial import Trial

pytestmark = pytest.mark.hydra_free

X = ("x=interval(0, 1)",)
TWO = problem(*X, objectives=TWO_OBJECTIVES)


def shown(folder: Path, now: float = BEGUN + 100) -> dict[str, Any]:
    """The page's data as the page's script reads them."""
    found: dict[str, Any] = json.loads(json.dumps(payload(open_folder(folder), None, now), allow_nan=False))
    return found


def test_slots_are_filled_from_the_lowest_and_a_lost_attempt_has_a_span_of_its_own() -> None:
    first, second, third = (
        life(i, {"x": 0.1}, {"f": 0.0}, begin, end) for i, begin, end in ((0, 0, 4), (1, 0, 2), (2, 3, 4))
    )
    lost = running(staged(3, {"x": 0.2}, 5), 5)
    again = lost.retry("node failed", time=BEGUN + 6)
    events = [*first[:2], *second[:2], second[2], *third[:2], first[2], third[2], staged(3, {"x": 0.2}, 5), lost, again]
    found = timeline([*events, running(again, 7)], now=BEGUN + 10)
    assert [(span["trial"], span["attempt"], span["slot"], span["outcome"]) for span in found["spans"]] == [
        (0, 1, 0, "COMPLETED"),
        (1, 1, 1, "COMPLETED"),
        (2, 1, 1, "COMPLETED"),
        (3, 1, 0, "LOST"),
        (3, 2, 0, "RUNNING"),
    ]
    assert found["spans"][3]["reason"] == "node failed"
    assert found["spans"][4]["end"] is None
    assert found["slots"] == 2
    assert found["utilization"] == pytest.approx((4 + 2 + 1 + 1 + 3) / (2 * 10))


def test_a_job_that_a_resumed_sweep_notes_again_has_begun_when_it_was_noted_first() -> None:
    trial = running(staged(0, {"x": 0.1}, 0), 1)
    found = timeline([trial, running(trial, 5)], now=BEGUN + 10)
    assert [span["start"] for span in found["spans"]] == [BEGUN + 1]


def test_a_sweep_of_which_nothing_ran_has_an_empty_timeline() -> None:
    assert timeline([staged(0, {"x": 0.1}, 0)], now=BEGUN) == {"slots": 0, "utilization": None, "spans": []}


def _results(folder: Path, *trials: list[Trial], **about: Any) -> Path:
    return write_journal(folder, TWO, [event for trial in trials for event in trial], **about)


def test_page_and_files_agree_on_frontier_and_hypervolume(tmp_path: Path) -> None:
    measured = [(0.2, 0.1), (0.5, 0.5), None, (0.4, 0.6), (0.9, 0.8)]
    outcomes = ["boom" if each is None else {"f": (each[0], 0.02), "g": each[1]} for each in measured]
    trials = [life(i, {"x": i / 10}, outcome, i, i + 3) for i, outcome in enumerate(outcomes)]
    page = shown(_results(tmp_path, *trials))
    sweep = open_folder(tmp_path)
    write_results(tmp_path, sweep.trials, sweep.problem)
    with open(tmp_path / "trials.csv") as file:
        rows = list(csv.DictReader(file))
    results = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())
    assert page["frontier"] == [0, 1, 4]
    assert page["frontier"] == [int(row["trial"]) for row in rows if row["pareto"] == "True"]
    assert page["frontier"] == [solution["trial"] for solution in results["solutions"]]
    assert page["columns"] == list(rows[0])
    assert [trial["row"]["x"] for trial in page["trials"]] == [float(row["x"]) for row in rows]
    loaded = ax_moo.load(tmp_path)
    assert [point["value"] for point in page["hypervolume"]["trace"]] == list(loaded.hypervolume["hypervolume"])
    assert page["hypervolume"]["value"] == loaded.hypervolume["hypervolume"].iloc[-1] > 0
    assert [point["finished"] for point in page["hypervolume"]["trace"]] == [1, 2, 4, 5]
    assert page["failures"] == [{"reason": "boom", "trials": [2], "log": None}]
    assert page["trials"][4]["sem"] == {"f": 0.02}


def test_with_one_objective_the_page_has_the_best_value_so_far(tmp_path: Path) -> None:
    one = problem(*X, objectives={"loss": {"direction": "minimize"}}, outcome_constraints=["ms <= 5"])
    losses = [9.0, 4.0, 6.0, 2.0]
    outcomes = [{"loss": loss, "ms": loss} for loss in losses]
    events = [event for i, outcome in enumerate(outcomes) for event in life(i, {"x": i / 10}, outcome, i, i + 1)]
    page = shown(write_journal(tmp_path, one, events))
    assert page["hypervolume"] is None
    assert [point["value"] for point in page["best"]["trace"]] == [None, 4.0, 4.0, 2.0]
    assert (page["best"]["trial"], page["best"]["value"]) == (3, 2.0)


def test_a_sweep_that_has_begun_and_done_nothing_has_a_page(tmp_path: Path) -> None:
    page = shown(write_journal(tmp_path, TWO, []))
    assert page["trials"] == page["frontier"] == page["hypervolume"]["trace"] == []
    assert page["state"] == "stopped"
    assert page["reproduce"]["command"] is None


def test_curves_keep_the_last_value_of_a_step_and_a_broken_line_costs_nothing(tmp_path: Path) -> None:
    _results(tmp_path, life(0, {"x": 0.1}, {"f": 0.5, "g": 0.5}, 0, 1), life(1, {"x": 0.2}, "boom", 0, 1))
    rows = [(1, {"loss": 3.0}), (2, {"loss": 2.0, "g": 0.7}), (1, {"loss": 2.5})]
    lines = [json.dumps({"step": step, "time": 5.0, "metrics": metrics}) for step, metrics in rows]
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "metrics.jsonl").write_text("\n".join([lines[0], "{torn", *lines[1:], ""]))
    curves = shown(tmp_path)["curves"]
    assert curves["metrics"] == ["g", "loss"]  # objectives first
    expected = {"loss": {"step": [1, 2], "value": [2.5, 2.0]}, "g": {"step": [2], "value": [0.7]}}
    assert curves["trials"] == [{"trial": 0, "metrics": expected}]


def test_curves_are_found_in_job_folders_of_any_name(tmp_path: Path) -> None:
    _results(tmp_path, *(life(i, {"x": 0.1}, {"f": 0.5, "g": 0.5}, 0, 1) for i in range(2)))
    for number, name in ((0, "0"), (1, "of/x=0.2")):
        job_folder = tmp_path / name
        (job_folder / ".hydra").mkdir(parents=True)
        (job_folder / ".hydra" / "hydra.yaml").write_text(f"hydra:\n  job:\n    name: app\n    num: {number}\n")
        (job_folder / "metrics.jsonl").write_text(json.dumps({"step": 1, "time": 5.0, "metrics": {"f": number}}) + "\n")
    found = {each["trial"]: each["metrics"]["f"]["value"] for each in shown(tmp_path)["curves"]["trials"]}
    assert found == {0: [0.0], 1: [1.0]}


def measured(folder: Path, value: float, owner: Owner | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if owner is not None:
        claim(folder, owner, [])
    (folder / "metrics.jsonl").write_text(json.dumps({"step": 1, "time": 5.0, "metrics": {"f": value}}) + "\n")


def drawn(folder: Path) -> dict[int, list[float]]:
    return {each["trial"]: each["metrics"]["f"]["value"] for each in shown(folder)["curves"]["trials"]}


def test_a_folder_is_a_trials_if_its_own_record_says_so_whatever_its_name_is(tmp_path: Path) -> None:
    _results(tmp_path, *(life(i, {"x": 0.1}, {"f": 0.5, "g": 0.5}, 0, 1) for i in range(5)))
    sweep = open_folder(tmp_path).sweep_id
    measured(tmp_path / "3", 1.0, Owner(sweep, 1))
    measured(tmp_path / "1", 2.0, Owner(sweep, 2))
    measured(tmp_path / "2", 0.0, Owner("another", 3))
    measured(tmp_path / "by width/7", 4.0, Owner(sweep, 4))
    measured(tmp_path / "8/9", 0.5, Owner(sweep, 0))
    assert drawn(tmp_path) == {0: [0.5], 1: [1.0], 2: [2.0], 4: [4.0]}


def test_a_trial_whose_attempts_had_folders_of_their_own_has_one_curve(tmp_path: Path) -> None:
    _results(tmp_path, life(0, {"x": 0.1}, {"f": 0.5, "g": 0.5}, 0, 1))
    sweep = open_folder(tmp_path).sweep_id
    for time, name in enumerate(("4711", "815"), start=1):
        measured(tmp_path / name, float(time), Owner(sweep, 0))
        os.utime(tmp_path / name / RECORD_FILE, (time, time))
    assert drawn(tmp_path) == {0: [2.0]}


def test_a_value_that_javascript_cannot_hold_is_text_and_a_measured_infinity_is_nothing(tmp_path: Path) -> None:
    space = problem("x=interval(0, 1)", f"+seed=choice({2**60}, 1)", objectives=TWO_OBJECTIVES)
    trial = life(0, {"x": 0.5, "seed": 2**60}, {"f": 0.5, "g": 0.5, "more": float("inf")}, 0, 1)
    page = shown(write_journal(tmp_path, space, trial))
    assert page["trials"][0]["parameterization"]["seed"] == str(2**60)
    assert page["trials"][0]["metrics"]["more"] is None


def test_trials_whose_candidates_are_random_points_because_the_model_failed_are_named(tmp_path: Path) -> None:
    trials = [life(i, {"x": 0.1}, {"f": 0.5, "g": 0.5}, 0, 1) for i in range(3)]
    fallen = [dataclasses.replace(event, model_failed="ValueError: no") for trial in trials[1:] for event in trial]
    page = shown(_results(tmp_path, trials[0], fallen))
    assert page["model_failures"] == [{"reason": "ValueError: no", "trials": [1, 2]}]


def test_the_command_of_a_trial_is_the_training_alone_without_secrets(tmp_path: Path) -> None:
    space = problem("x=interval(0, 1)", "data=mnist", "+key.api_key=abc123", objectives=TWO_OBJECTIVES)
    trial = life(0, {"x": 0.5}, {"f": 0.5, "g": 0.5}, 0, 1)
    command = "python train.py -m hydra/sweeper=ax_moo +key.api_key=abc123"
    page = shown(write_journal(tmp_path, space, trial, training="python train.py", command=command))
    assert page["trials"][0]["command"] == "python train.py data=mnist +key.api_key=*** x=0.5"
    assert page["reproduce"]["command"] == "python train.py -m hydra/sweeper=ax_moo +key.api_key=***"
    assert "abc123" not in json.dumps(page)
