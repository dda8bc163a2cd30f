"""The page as a sweep writes it, and as ``ax-moo report`` does."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from ax_moo_command import ax_moo, ax_moo_from_cold, facts
from browser import chromium, why_not_here
from fakes import TWO_OBJECTIVES, problem
from journals import life, staged, write_journal
from pages import data_of
from sweeping import Swept, journal_rows, run_sweep, start_sweep, wait_for_sweep, write_app
from waiting import wait_until

from ax_moo.html_report import observer
from ax_moo.html_report.observer import ReportObserver
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.observers import Progress

pytestmark = pytest.mark.one_hydra

APP = """
import time
from pathlib import Path
import hydra
import ax_moo

@hydra.main(version_base="1.3", config_path=None)
def main(config):
    if Path("wait").exists():
        time.sleep(600)
    if config.x < 0.1:
        raise ValueError("too small: <script>alert(1)</script>")
    for step in range(3):
        ax_moo.report(step, f=config.x * step / 2)
    return {"f": config.x, "g": config.x**2 + config.y}

main()
"""
OPTIONS = (
    "+x=interval(0, 1)",
    "+y=interval(0, 1)",
    "+hydra.sweeper.objectives={f: {direction: maximize, threshold: 0}, g: {direction: minimize, threshold: 2}}",
    "hydra.sweeper.initial=[{x: 0.05, y: 0.5}]",
    "hydra.sweeper.method=sobol",
    "hydra.sweeper.report=true",
    "hydra/launcher=async_local",
    "hydra.sweeper.seed=1",
)


def shown(folder: Path) -> dict[str, Any]:
    return data_of(folder / "report.html")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    project = write_app(tmp_path_factory.mktemp("reported"), APP)
    in_jobs = "hydra.job.env_set.NUMBER='${hydra.job.num}'"  # known in a job only
    return run_sweep(project, *OPTIONS, f"+{in_jobs}", "hydra.sweeper.n_trials=7", "hydra.sweeper.n_jobs=2")


def test_a_sweep_ends_with_a_page_that_says_what_status_says(swept: Swept) -> None:
    assert swept.code == 0, swept.err
    assert swept.out.splitlines()[-1] == f"report: {swept.folder / 'report.html'}"
    page, status = shown(swept.folder), facts(swept.folder)
    assert page["state"] == status["state"] == "finished"
    assert page["frontier"] == [solution["trial"] for solution in status["frontier"]]
    assert page["hypervolume"]["value"] == status["hypervolume"] > 0
    assert page["failures"] == status["failures"]
    assert page["failures"][0]["trials"] == [0]
    assert page["counts"] == status["trials"]
    assert page["timeline"]["slots"] == 2
    x, curve = page["trials"][1]["parameterization"]["x"], page["curves"]["trials"][0]
    assert curve == {"trial": 1, "metrics": {"f": {"step": [0, 1, 2], "value": pytest.approx([0, x / 2, x], rel=1e-4)}}}
    assert page["surrogate"]["why_not"] is None
    assert page["surrogate"]["trials_used"] == 6
    assert set(page["surrogate"]["metrics"]) == {"f", "g"}


def test_the_page_of_a_sweep_draws_in_a_browser_and_asks_for_nothing(swept: Swept) -> None:
    obstacle = why_not_here()
    assert obstacle is None, obstacle
    uri = (swept.folder / "report.html").as_uri()
    complaints: list[str] = []
    requests: list[str] = []
    with chromium() as browser:
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(uri)
        page.wait_for_function("document.documentElement.dataset.ready === 'true'", timeout=90_000)
        drawn = page.locator("#frontier .plot").first.locator(".scatterlayer .point").count()
        failure = page.locator("#failures").inner_text()
    assert (complaints, requests) == ([], [uri])
    assert drawn == 6
    assert "ValueError: too small: <script>alert(1)</script>" in failure


def test_the_command_of_a_trial_repeats_its_training(swept: Swept) -> None:
    trial = shown(swept.folder)["trials"][1]
    assert trial["command"].split()[-2:] == [f"+{name}={trial['parameterization'][name]}" for name in ("x", "y")]
    assert "sweep" not in trial["command"]
    assert "'+hydra.job.env_set.NUMBER='\"'\"'${hydra.job.num}'\"'\"''" in trial["command"]


def test_the_page_is_made_again_by_the_command_with_the_analyses_that_are_there(swept: Swept, tmp_path: Path) -> None:
    before = shown(swept.folder)
    ended = ax_moo_from_cold("report", swept.folder, "-o", tmp_path / "page.html")
    assert (ended.code, ended.out, ended.err) == (0, f"{tmp_path / 'page.html'}\n", "")
    again = data_of(tmp_path / "page.html")
    assert {**again, "written": 0} == {**before, "written": 0}


def test_a_page_that_cannot_be_written_changes_nothing_else(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    (tmp_path / "swept" / "report.html").mkdir(parents=True)
    ended = run_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2")
    assert ended.code == 0, ended.err
    assert "The report was not written: " in ended.err + ended.out
    assert "Traceback" not in ended.err + ended.out
    refused = ax_moo("report", ended.folder)
    assert refused.code == 2
    assert "the report cannot be written" in refused.err


def test_who_interrupts_a_sweep_does_not_wait_for_the_page_and_gets_one(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    (tmp_path / "wait").touch()
    process = start_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1")
    wait_until(lambda: any(row.get("status") == "RUNNING" for row in journal_rows(project)), "a running trial")
    os.killpg(process.pid, signal.SIGINT)
    wait_until(lambda: "Ctrl-C again" in process.errors.read_text(), "the offer to cancel")
    os.killpg(process.pid, signal.SIGINT)
    ended = wait_for_sweep(project, process)
    assert ended.code == 130
    page = ended.folder / "report.html"  # the sweep may have written one while it ran
    wait_until(lambda: page.exists() and shown(ended.folder)["state"] == "stopped", "the page of the stopped sweep")
    assert shown(ended.folder)["trials"]


def test_a_running_sweep_has_its_page_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goals = problem("x=interval(0, 1)", objectives=TWO_OBJECTIVES)
    events = life(0, {"x": 0.1}, {"f": 0.5, "g": 0.5}, 0, 1)
    folder = write_journal(tmp_path, goals, events, time=time.time())
    watching = ReportObserver(folder)
    progress = Progress(events[-1:], 1.0, Budget(8), False)
    watching.open(goals, [])
    watching.on_poll(progress)
    time.sleep(0.5)
    assert not (folder / "report.html").exists()  # nothing has changed
    watching.on_trial_state(events[-1])
    watching.on_poll(progress)
    wait_until((folder / "report.html").exists, "the page")
    written = (folder / "report.html").stat().st_mtime_ns
    watching.on_trial_state(staged(1, {"x": 0.2}, 2))
    watching.on_poll(progress)  # too soon
    watching.close()
    assert (folder / "report.html").stat().st_mtime_ns == written
    monkeypatch.setattr(observer, "INTERVAL_SECONDS", 0.0)
    watching.on_poll(progress)
    wait_until(lambda: (folder / "report.html").stat().st_mtime_ns > written, "the next page")
    watching.close()
    assert shown(folder)["surrogate"] is None
