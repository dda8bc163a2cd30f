"""Records with fields of a later version are read as if these were not there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, problem

from ax_moo import measurements
from ax_moo.problem.problem import Problem
from ax_moo.storage import journal, lock
from ax_moo.trial import Attempt, Job, Trial, TrialStatus
from ax_moo.wandb.run_state import STATE_FILE, RunState

pytestmark = pytest.mark.hydra_free

PROBLEM = problem(
    "x=interval(0, 1)",
    "z=interval(0, 1)",
    "y=choice(a, b)",
    "k=5",
    objectives=TWO_OBJECTIVES,
    outcome_constraints=["ms <= 20"],
    parameter_constraints=["x <= z"],
)
TRIAL = Trial(
    3,
    {"x": 0.5},
    TrialStatus.RUNNING,
    job=Job("9", "/jobs/3/attempt-2", "local"),
    previous_attempts=(
        Attempt(Job("7", "/jobs/3", "local"), "killed"),
        Attempt(Job("8", "/jobs/3"), "cancelled", counts=False),
    ),
    time=1.0,
)


def later(row: Any) -> Any:
    """The row with one more field in it, and in every mapping inside it that is not the user's own."""
    if isinstance(row, list):
        return [later(each) for each in row]
    if not isinstance(row, dict):
        return row
    free = ("parameterization", "arm", "outcome", "metrics")
    return {key: value if key in free else later(value) for key, value in row.items()} | {"of_a_later_version": [1]}


def test_a_problem_with_fields_of_a_later_version_is_the_same_problem() -> None:
    written = later(json.loads(json.dumps(PROBLEM.to_dict())))
    assert json.dumps(written).count("of_a_later_version") == 9
    assert Problem.from_dict(written) == PROBLEM
    assert Problem.from_dict(written).hash == PROBLEM.hash


def test_a_trial_its_job_and_its_attempts_are_the_same() -> None:
    written = later(json.loads(json.dumps(journal.to_line(TRIAL))))
    assert json.dumps(written).count("of_a_later_version") == 6
    assert journal.from_line(written) == TRIAL


def test_the_lock_names_the_same_process(tmp_path: Path) -> None:
    with lock.held(tmp_path, {"n_trials": 4}):
        path = tmp_path / lock.LOCK_FILE
        before = lock.read(path)
        path.write_text(json.dumps(later(json.loads(path.read_text()))) + "\n")
        after = lock.read(path)
    assert before is not None
    assert after is not None
    assert (after.host, after.pid, after.time, after.about["n_trials"]) == (before.host, before.pid, before.time, 4)


def test_a_measurement_is_the_same(tmp_path: Path) -> None:
    row = {"step": 2, "time": 5.0, "metrics": {"acc": 0.5}}
    (tmp_path / measurements.MEASUREMENTS_FILE).write_text(json.dumps(later(row)) + "\n")
    assert measurements.read(tmp_path)[0] == [measurements.Measurement(2, 0.0, {"acc": 0.5})]


def test_what_the_sweeps_wandb_run_left_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "wandb").mkdir()
    RunState("entity/project", 7, "s").write(tmp_path)
    path = tmp_path / "wandb" / STATE_FILE
    path.write_text(json.dumps(later(json.loads(path.read_text()))))
    assert RunState.read(tmp_path) == RunState("entity/project", 7, "s")


@pytest.mark.parametrize(
    "read",
    [
        lambda: journal.from_line({"trial": 0, "status": "STAGED"}),
        lambda: journal.from_line({"trial": 0, "status": "RUNNING", "parameterization": {}, "job": "7"}),
        lambda: Problem.from_dict({**PROBLEM.to_dict(), "objectives": [{"name": "f"}]}),
    ],
)
def test_what_is_missing_is_not_made_up(read: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        read()
