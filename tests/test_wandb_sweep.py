"""A real multirun and its trials in W&B: one group, and whatever W&B does, the same sweep."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml
from command_line import SWEEPER, Started, command_line
from sweeping import NEAR_AND_FAR, SWEEP_DIR, Swept, sweep_command, wait_for_sweep
from waiting import wait_until
from wandb_backend import FakeRun
from wandb_command import ax_moo_wandb
from wandb_server import API_KEY, FakeWandb, Fault, provide_wandb_server, running_server  # noqa: F401

import ax_moo
from ax_moo.problem.frontier import hypervolume_of
from ax_moo.storage import journal
from ax_moo.storage.folder import open_folder
from ax_moo.wandb.settings import sweep_run_id, trial_run_id

pytestmark = pytest.mark.one_hydra

APP = Path(__file__).parent / "wandb_sweep_app.py"
FAULTS: tuple[Fault, ...] = ("refuse", "silent", "500")
ON = ("hydra.sweeper.wandb.enabled=true", "hydra.sweeper.wandb.project=search")


def start(server: FakeWandb, project: Path, *options: str, **environment: str | None) -> Started:
    base = ("hydra/launcher=async_local", "+x=interval(0,1)", "hydra.sweeper.method=sobol", NEAR_AND_FAR)
    _, *arguments = sweep_command(*base, *options)
    changed = {**server.environment(), "OMP_NUM_THREADS": "1", **environment}
    given = {key: value for key, value in changed.items() if value is not None}
    return command_line(*SWEEPER).start(project, *arguments, app=APP, environment=given)


def sweep_of(server: FakeWandb, folder: Path) -> FakeRun:
    return server.runs[sweep_run_id(SWEEP_DIR, folder)]


@pytest.fixture(name="ended", scope="module")
def a_sweep_that_has_seen_everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeWandb, Swept]]:
    """Of its trials one raises, one is requeued, and one is killed in each of its attempts."""
    project = tmp_path_factory.mktemp("wandb")
    options = ("hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=5", "hydra.sweeper.max_failure_rate=1.0")
    with running_server() as server:
        process = start(server, project, *ON, "hydra.sweeper.wandb.sweep=true", *options)
        yield server, wait_for_sweep(project, process)


def test_the_runs_of_a_sweep_are_one_group_with_the_states_that_the_journal_has(
    ended: tuple[FakeWandb, Swept],
) -> None:
    server, swept = ended
    assert swept.code == 0, swept.err
    statuses = [(row["status"], row["attempt"]) for row in swept.last]
    assert statuses == [("COMPLETED", 1), ("FAILED", 1), ("COMPLETED", 2), ("FAILED", 2), ("COMPLETED", 1)]
    own = sweep_of(server, swept.folder)
    trials = [server.runs[trial_run_id(SWEEP_DIR, swept.folder, row["trial"])] for row in swept.last]
    assert len(server.runs) == 6
    assert {run.group for run in server.runs.values()} == {SWEEP_DIR}
    assert (own.job_type, own.display_name, own.state, own.exitcode) == ("sweep", SWEEP_DIR, "finished", 0)
    states = [(run.job_type, run.state, run.exitcode) for run in trials]
    assert states == [("trial", state, code) for state, code in 2 * [("finished", 0), ("failed", 1)]] + [states[0]]
    assert trials[2].starts == 2
    assert len(trials[2].history) == 2


def test_the_sweeps_run_tells_its_journal_and_draws_it_against_finished_trials(
    ended: tuple[FakeWandb, Swept],
) -> None:
    server, swept = ended
    own = sweep_of(server, swept.folder)
    lines = (swept.folder / journal.JOURNAL_FILE).read_text().splitlines()
    assert json.loads(own.config["ax_moo"]["header"]) == json.loads(lines[0])
    assert own.config["ax_moo"]["n_jobs"] == 5
    told = {row["journal_line"]: row["journal"] for row in own.history if "journal" in row}
    assert [told[number] for number in sorted(told)] == lines[1:]
    assert min(told) == 2
    drawn = [row for row in own.history if "finished" in row]
    assert [row["finished"] for row in drawn] == [1, 2, 3, 4, 5]
    assert (drawn[-1]["running"], drawn[-1]["failed"]) == (0, 2)
    assert all(row["seconds_per_candidate"] >= 0 for row in drawn)
    there = open_folder(swept.folder)
    assert drawn[-1]["hypervolume"] == hypervolume_of(there.trials, there.problem)
    assert own.summary["completed"] == 3
    assert own.summary["elapsed_s"] == drawn[-1]["elapsed_s"]
    assert "journal" not in own.summary


def test_table_files_and_tags_are_those_of_the_frontier(ended: tuple[FakeWandb, Swept]) -> None:
    server, swept = ended
    solutions = yaml.safe_load((swept.folder / "optimization_results.yaml").read_text())["solutions"]
    files = {each["name"]: each["files"] for each in server.backend.artifacts.values() if each["state"] == "COMMITTED"}
    (table,) = (json.loads(each["pareto_frontier.table.json"]) for name, each in files.items() if "pareto" in name)
    expected = [[each["trial"], each["params"]["x"], *each["values"].values()] for each in solutions]
    assert (table["columns"], table["data"]) == (["trial", "x", "near", "far"], expected)
    assert files[f"{SWEEP_DIR}-results"]["trials.csv"] == (swept.folder / "trials.csv").read_bytes()
    tagged = {run.id for run in server.runs.values() if "pareto" in run.tags}
    assert tagged == {trial_run_id(SWEEP_DIR, swept.folder, each["trial"]) for each in solutions}


def test_all_trials_belong_to_a_sweep_of_wandbs_own(ended: tuple[FakeWandb, Swept]) -> None:
    server, swept = ended
    ((name, sweep),) = server.backend.sweeps.items()
    config = yaml.safe_load(sweep["config"])
    assert config["metric"] == {"name": "near", "goal": "minimize"}
    assert config["parameters"] == {"x": {"distribution": "uniform", "min": 0.0, "max": 1.0}}
    assert {run.sweep for run in server.runs.values() if run.job_type == "trial"} == {name}
    assert sweep_of(server, swept.folder).config["sweep_id"] == name


def test_the_group_is_pulled_as_the_folder_that_it_came_from(ended: tuple[FakeWandb, Swept], tmp_path: Path) -> None:
    server, swept = ended
    assert_pulled(server, swept, tmp_path)


def test_an_offline_sweep_is_pulled_once_it_is_synced(wandb_server: FakeWandb, tmp_path: Path) -> None:
    process = start(wandb_server, tmp_path, *ON, "hydra.sweeper.n_trials=1", WANDB_MODE="offline")
    swept = wait_for_sweep(tmp_path, process)
    assert not wandb_server.runs
    synced = ax_moo_wandb(wandb_server, tmp_path, "sync", SWEEP_DIR)
    assert (synced.code, "2 uploaded, 0 there already, 0 skipped, 0 failed" in synced.stdout) == (0, True), synced
    assert wandb_server.runs[trial_run_id(SWEEP_DIR, swept.folder, 0)].tags == ["pareto"]
    assert_pulled(wandb_server, swept, tmp_path)


def assert_pulled(server: FakeWandb, swept: Swept, into: Path) -> None:
    pulled = ax_moo_wandb(server, into, "pull", "--no-report", "search", SWEEP_DIR, "-o", "pulled")
    assert pulled.code == 0, pulled.stderr
    pd.testing.assert_frame_equal(ax_moo.load(into / "pulled").trials, ax_moo.load(swept.folder).trials)
    for file in ("trials.csv", "optimization_results.yaml"):
        assert (into / "pulled" / file).read_bytes() == (swept.folder / file).read_bytes()


def test_closing_again_mends_what_has_changed_and_leaves_other_tags(ended: tuple[FakeWandb, Swept]) -> None:
    server, swept = ended
    raised, killed = (server.runs[trial_run_id(SWEEP_DIR, swept.folder, trial)] for trial in (1, 3))
    raised.tags, killed.state = ["mine", "pareto"], "crashed"
    code = f"""
from pathlib import Path
from ax_moo.wandb.trial_runs import tag_and_close
from ax_moo.wandb.project import open_project
with open_project("search", None) as project:
    print(tag_and_close(project, {SWEEP_DIR!r}, Path({str(swept.folder)!r})))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=server.environment(), capture_output=True, text=True, timeout=120, check=True)
    assert f"Closed(tagged=[], untagged=[{raised.id!r}], closed=[{killed.id!r}], left={{}})" in done.stdout
    assert (raised.tags, killed.state, killed.exitcode) == (["mine"], "failed", 1)


class Alone:
    """A sweep whose trials are none of W&B's, with the timeouts of the application's own logger."""

    LOGGER = ("+logger.kind=wandb", "+logger.project=search", "+logger.init_timeout=4", "+logger.finish_timeout=3")

    def __init__(
        self, server: FakeWandb, project: Path, *options: str, holds: bool = False, **environment: str | None
    ) -> None:
        self.project, self.folder = project, project / SWEEP_DIR
        project.mkdir(exist_ok=True)
        if holds:
            (project / "hold").touch()
        own = (*self.LOGGER, "+alone=true", "hydra.sweeper.n_jobs=2")
        self.process = start(server, project, *own, *options, **environment)

    def end(self) -> Swept:
        (self.project / "hold").unlink(missing_ok=True)
        return wait_for_sweep(self.project, self.process)

    @property
    def keeper(self) -> psutil.Process:
        (found,) = [p for p in psutil.Process(self.process.pid).children() if "ax_moo.wandb.run" in p.cmdline()]
        return found

    def offline_runs(self) -> list[Path]:
        return list((self.folder / "wandb").glob(f"offline-run-*/run-{sweep_run_id(SWEEP_DIR, self.folder)}.wandb"))


def test_after_a_kill_and_a_termination_the_same_run_goes_on_and_holds_all_of_the_journal(
    wandb_server: FakeWandb, tmp_path: Path
) -> None:
    options = ("hydra.sweeper.wandb.sweep=true", f"+logger.settings.api_key={API_KEY}")
    first = Alone(wandb_server, tmp_path, *options, "hydra.sweeper.n_trials=1", holds=True)
    wait_until(lambda: rows(wandb_server, first.folder) == [2, 3], "the first life's rows")
    os.kill(first.process.pid, signal.SIGKILL)
    own = sweep_of(wandb_server, first.folder)
    wait_until(lambda: (own.state, own.exitcode) == ("failed", 137), "the end of the run of a killed sweep")
    second = Alone(wandb_server, tmp_path, *options, "hydra.sweeper.n_trials=2", holds=True)
    wait_until(lambda: 5 in rows(wandb_server, first.folder), "the second life's rows")
    os.killpg(second.process.pid, signal.SIGTERM)
    assert wait_for_sweep(tmp_path, second.process).code == 130
    assert (own.state, own.exitcode) == ("preempted", 143)
    third = Alone(wandb_server, tmp_path, *options, "hydra.sweeper.n_trials=2").end()
    assert third.code == 0, third.err
    assert (own.starts, own.state, own.exitcode) == (3, "finished", 0)
    told = [json.loads(row["journal"]) for row in own.history if "journal" in row]
    assert told == third.rows
    assert list(wandb_server.backend.sweeps) == [own.config["sweep_id"]]
    assert "api_key=***" in own.config["ax_moo"]["command"]
    assert API_KEY not in json.dumps(own.config)


@pytest.mark.parametrize("stands_still", [False, True])
def test_a_sweeper_that_was_replaced_leaves_the_run_to_the_one_that_goes_on(
    wandb_server: FakeWandb, tmp_path: Path, stands_still: bool
) -> None:
    sweep = Alone(wandb_server, tmp_path, "hydra.sweeper.n_trials=1", "hydra.sweeper.report=true", holds=True)
    wait_until(lambda: rows(wandb_server, sweep.folder) == [2, 3], "the first rows")
    keeper, own = sweep.keeper, sweep_of(wandb_server, sweep.folder)
    if stands_still:
        os.kill(sweep.process.pid, signal.SIGSTOP)
    (sweep.folder / "lock").write_text('{"host": "login9", "pid": 4711, "time": 2e9}\n')
    if stands_still:
        wait_until(lambda: keeper.status() == psutil.STATUS_ZOMBIE, "the end of its process")
        os.kill(sweep.process.pid, signal.SIGCONT)
    ended = sweep.end()
    assert (ended.code, "was taken over by process 4711 on login9" in ended.err) == (1, True), ended.err
    assert not keeper.is_running()
    assert (own.state, own.exitcode, rows(wandb_server, sweep.folder)) == ("running", None, [2, 3])
    assert said(ended)[1:] == []


def rows(server: FakeWandb, folder: Path) -> list[int]:
    """The lines of the journal that have arrived."""
    run = server.runs.get(sweep_run_id(SWEEP_DIR, folder))
    return [row["journal_line"] for row in run.history if "journal" in row] if run else []


def said(swept: Swept) -> list[str]:
    return [line for line in swept.out.splitlines() if "W&B: " in line]


def test_whatever_wandb_does_the_sweep_completes_and_says_what_is_wrong_once(
    wandb_server: FakeWandb, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        servers = {fault: stack.enter_context(running_server()) for fault in FAULTS}
        for fault in ("refuse", "silent"):
            servers[fault].fault = fault
        sweeps = {
            name: Alone(server, tmp_path / name, "hydra.sweeper.n_trials=1", holds=name == "500")
            for name, server in servers.items()
        }
        sweeps["killed"] = Alone(wandb_server, tmp_path / "killed", "hydra.sweeper.n_trials=1", holds=True)
        sweeps["offline"] = Alone(
            wandb_server, tmp_path / "offline", "hydra.sweeper.n_trials=1", "hydra.sweeper.wandb.mode=offline"
        )
        sweeps["keyless"] = Alone(wandb_server, tmp_path / "keyless", "hydra.sweeper.n_trials=1", WANDB_API_KEY=None)
        for name, server in (("500", servers["500"]), ("killed", wandb_server)):
            wait_until(lambda: rows(server, sweeps[name].folder) != [], "the first rows")  # noqa: B023
        servers["500"].fault = "500"
        for process in (*sweeps["killed"].keeper.children(), sweeps["killed"].keeper):
            process.kill()
        ended = {name: sweep.end() for name, sweep in sweeps.items()}
    for name, swept in ended.items():
        assert (swept.code, [row["status"] for row in swept.last]) == (0, ["COMPLETED"]), (name, swept.err)
        assert "Traceback" not in swept.out + swept.err
    assert said(ended["offline"]) == []
    assert "No API key configured" in said(ended["keyless"])[0]
    for name in ("refuse", "silent", "keyless"):
        (line,) = said(ended[name])
        assert "the sweep's run is kept on disk" in line
        assert len(sweeps[name].offline_runs()) == 1
    assert len(sweeps["offline"].offline_runs()) == 1
    for name, why in {"500": "Timed out finishing run", "killed": "the sweep goes on without it"}.items():
        started, line = said(ended[name])
        assert ("the sweep's run is http" in started, why in line) == (True, True), line
