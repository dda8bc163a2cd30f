"""`python app.py -m hydra/sweeper=ax_moo` with jobs on this machine, from the command line to the files it leaves."""

import csv
from pathlib import Path

import pytest
import yaml
from sweeping import NEAR_AND_FAR, Swept, journal_rows, most_at_once, run_sweep, write_app

HEAD = """
import logging
import math
import os
import time

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> object:
    trial = HydraConfig.get().job.num
    logging.getLogger(__name__).info("this is trial %d", trial)
    good = {"near": config.x**2, "far": (config.x - 1) ** 2, "number": trial}
"""
TAIL = """

if __name__ == "__main__":
    main()
"""
EVERY_FOURTH_IS_SLOW = f"""{HEAD}
    time.sleep(20 if trial % 4 == 3 else 1)
    return good
{TAIL}"""
SOME_FAIL = f"""{HEAD}
    if trial == 2:
        raise ValueError("the loss exploded")
    if trial == 8:
        os._exit(9)
    return {{4: {{**good, "far": math.nan}}, 6: "good", 10: {{"near": 1.0}}}}.get(trial, good)
{TAIL}"""
SLEEPS = f"""{HEAD}
    time.sleep(config.seconds)
    return good
{TAIL}"""
BOOTH = """
import hydra


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    return (config.x1 + 2 * config.x2 - 7) ** 2 + (2 * config.x1 + config.x2 - 5) ** 2


if __name__ == "__main__":
    main()
"""
BESIDE_ITS_MODULE = BOOTH.replace("import hydra\n", "import beside\nimport hydra\n", 1).replace(
    "return (config", "return beside.constant + (config"
)

SOBOL = "hydra.sweeper.method=sobol"
LOCAL = ("hydra/launcher=async_local", "+x=interval(0,1)", NEAR_AND_FAR)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Durations of 1, 1, 1 and 20 s in turn."""
    project = write_app(tmp_path_factory.mktemp("uneven"), EVERY_FOURTH_IS_SLOW)
    return run_sweep(project, *LOCAL, SOBOL, "hydra.sweeper.n_trials=11", "hydra.sweeper.n_jobs=4")


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Five of fourteen trials fail, each in its own way, the last of them when the model proposes already."""
    project = write_app(tmp_path_factory.mktemp("failing"), SOME_FAIL)
    return run_sweep(project, *LOCAL, "hydra.sweeper.n_trials=14", "hydra.sweeper.n_jobs=2", "hydra.sweeper.seed=1")


@pytest.mark.one_hydra
def test_no_slot_waits_for_another_slots_trial(uneven: Swept) -> None:
    assert (uneven.code, {row["status"] for row in uneven.last}) == (0, {"COMPLETED"}), uneven.err
    starts = [row["time"] for row in uneven.in_state("RUNNING")]
    finishes = [row["time"] for row in uneven.in_state("COMPLETED")]
    # Four slots: the fifth start is the one that the first finish made room for, and so on. A trial takes 1 s and the
    # start of a process, so one that waited for a slow trial, or for its whole round, would wait for more than 15 s.
    waits = [start - finish for start, finish in zip(starts[4:], finishes, strict=False)]
    assert len(waits) == 7
    assert min(waits) >= 0
    assert max(waits) < 12


@pytest.mark.one_hydra
def test_many_trials_come_and_go_while_the_slow_one_runs(uneven: Swept) -> None:
    slow = uneven.last[3]
    meanwhile = [row for row in uneven.last if slow["start_time"] < row["start_time"] and row["time"] < slow["time"]]
    assert len(meanwhile) >= 5


@pytest.mark.one_hydra
def test_n_jobs_run_at_once_and_never_more(uneven: Swept) -> None:
    assert most_at_once([(row["start_time"], row["time"]) for row in uneven.last]) == 4


def test_five_trials_fail_each_for_its_own_reason_and_the_others_complete(failing: Swept) -> None:
    assert failing.code == 0, failing.err
    expected = "a mapping with 'near', 'far', or a sequence of 2 numbers in that order"
    assert {row["trial"]: row["reason"] for row in failing.in_state("FAILED")} == {
        2: "ValueError: the loss exploded",
        4: "'far' must be a finite number between -1e+100 and 1e+100, got nan",
        6: f"the app must return {expected}, got 'good' (str)",
        8: "exit code 9, no result written",
        10: "the app must return 'near', 'far', got 'near'; missing: 'far'",
    }
    assert [row["status"] for row in failing.last].count("COMPLETED") == 9


def test_failed_trials_leave_no_data_and_the_model_goes_on_proposing(failing: Swept) -> None:
    assert not [row for row in failing.in_state("FAILED") if "outcome" in row]
    assert {row["generation_node"] for row in failing.last[-3:]} == {"MBM"}
    points = [row["parameterization"]["x"] for row in failing.last]
    assert len(set(points)) == len(points)


def test_what_failed_is_told_as_it_happens_and_counted_at_the_end(failing: Swept) -> None:
    assert "Trial 2 failed: ValueError: the loss exploded" in failing.out
    assert "14 trials: 9 completed, 5 failed" in failing.out
    assert "Traceback" not in failing.out + failing.err


def test_a_failed_trials_traceback_is_in_the_log_that_is_named_and_nothing_is_in_the_others(failing: Swept) -> None:
    logs = {row["trial"]: list((failing.folder / row["job"]["folder"]).glob("*_log.err")) for row in failing.last}
    assert f"Trial 2 failed: ValueError: the loss exploded (log: {logs[2][0]})" in failing.out
    assert 'raise ValueError("the loss exploded")' in logs[2][0].read_text()
    assert [logs[trial][0].read_text() for trial in (0, 1, 3)] == ["", "", ""]


def test_a_folder_that_is_named_by_the_time_of_the_start_is_one_folder(tmp_path: Path) -> None:
    project = write_app(tmp_path, BOOTH)
    options = (
        "hydra/launcher=async_local",
        SOBOL,
        "hydra.sweeper.n_trials=1",
        "+x1=interval(-1,1)",
        "+x2=interval(-1,1)",
    )
    swept = run_sweep(project, *options, "hydra.sweep.dir=swept/${now:%H-%M-%S-%f}")
    assert swept.code == 0, swept.err
    (folder,) = (project / "swept").iterdir()
    assert {"0", ".submitit", "sweep.jsonl", "trials.csv"} <= {path.name for path in folder.iterdir()}


def test_hydras_job_folders_are_complete_and_bear_the_trials_number(failing: Swept) -> None:
    for row in failing.last:
        folder = failing.folder / str(row["trial"])
        override = f"+x={row['parameterization']['x']!r}"
        assert yaml.safe_load((folder / ".hydra/overrides.yaml").read_text()) == [override]
        assert yaml.safe_load((folder / ".hydra/config.yaml").read_text()) == row["parameterization"]
        assert f"this is trial {row['trial']}\n" in (folder / "app.log").read_text()
        assert row.get("outcome", {}).get("number", row["trial"]) == row["trial"]


def test_trials_csv_has_a_row_per_trial_and_the_columns_of_the_interface(failing: Swept) -> None:
    with open(failing.folder / "trials.csv", newline="") as file:
        table = list(csv.DictReader(file))
    fixed = ["trial", "status", "generation_node", "job_id", "start_time", "end_time", "duration_s"]
    assert list(table[0]) == [*fixed, "x", "near", "far", "number", "feasible", "pareto"]
    assert [row["trial"] for row in table] == [str(trial) for trial in range(14)]
    assert [row["job_id"] for row in table] == [row["job"]["job_id"] for row in failing.last]
    assert [float(row["x"]) for row in table] == [row["parameterization"]["x"] for row in failing.last]
    assert [row["near"] == "" for row in table] == [row["status"] == "FAILED" for row in table]


def test_the_frontier_and_the_config_are_there_for_other_tools(failing: Swept) -> None:
    results = yaml.safe_load((failing.folder / "optimization_results.yaml").read_text())
    assert results["name"] == "ax_moo"
    # Between its two minima every point is a compromise of its own.
    completed = [row for row in failing.last if row["status"] == "COMPLETED"]
    assert results["solutions"] == [
        {
            "trial": row["trial"],
            "params": row["parameterization"],
            "values": {name: row["outcome"][name] for name in ("near", "far")},
        }
        for row in completed
    ]
    multirun = yaml.safe_load((failing.folder / "multirun.yaml").read_text())
    assert multirun["hydra"]["sweeper"]["n_trials"] == 14


@pytest.mark.one_hydra
def test_an_app_that_knows_nothing_of_the_sweep_finds_booths_minimum(tmp_path: Path) -> None:
    options = ("+x1=interval(-10,10)", "+x2=interval(-10,10)", "hydra.sweeper.n_trials=20", "hydra.sweeper.seed=0")
    swept = run_sweep(write_app(tmp_path, BOOTH), *options)
    assert swept.code == 0, swept.err
    text = (swept.folder / "optimization_results.yaml").read_text()
    assert "&" not in text, "a YAML alias is hard to read"
    results = yaml.safe_load(text)
    assert results["best_evaluated_params"] == pytest.approx({"x1": 1, "x2": 3}, abs=0.5)
    assert results["best_evaluated_result"] == min(row["outcome"]["objective"] for row in swept.last)
    # Hydra's own launcher runs here: one trial at a time, each proposed with the results of all before it.
    assert [row["status"] for row in swept.rows] == ["STAGED", "RUNNING", "COMPLETED"] * 20
    assert "BasicLauncher runs one trial at a time; hydra/launcher=async_local keeps n_jobs running" in swept.out


def test_a_stock_local_launcher_runs_a_script_with_a_module_beside_it(tmp_path: Path) -> None:
    project = write_app(tmp_path, BESIDE_ITS_MODULE, "src/train.py")
    (project / "src/beside.py").write_text("constant = 100\n")
    options = ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5", SOBOL, "hydra.sweeper.n_trials=4")
    swept = run_sweep(project, *options, "+x1=interval(-1,1)", "+x2=interval(-1,1)", script="src/train.py")
    assert (swept.code, [row["status"] for row in swept.last]) == (0, ["COMPLETED"] * 4), swept.err
    assert all(row["outcome"]["objective"] > 100 for row in swept.last)
    # Not in rounds, and not one after the other: all four were running before the first was done.
    assert [row["status"] for row in swept.rows[:8]] == ["STAGED"] * 4 + ["RUNNING"] * 4


@pytest.mark.one_hydra
def test_no_trial_starts_after_the_sweeps_time(tmp_path: Path) -> None:
    seconds = 15
    options = ("+seconds=0.5", SOBOL, "hydra.sweeper.n_trials=500", f"hydra.sweeper.timeout_hours={seconds / 3600}")
    swept = run_sweep(write_app(tmp_path, SLEEPS), *LOCAL, *options)
    begin = journal_rows(tmp_path)[0]["time"]
    starts = [row["time"] - begin for row in swept.in_state("RUNNING")]
    assert swept.code == 0, swept.err
    assert {row["status"] for row in swept.last} <= {"COMPLETED", "STAGED"}
    # A trial that was begun in time is noted once its process is there.
    assert 0 < len(starts) < 500
    assert max(starts) < seconds + 1
    assert "the time is up (timeout_hours=" in swept.out
