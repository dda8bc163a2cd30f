"""The page at a sweep's end: who writes it, and what becomes of the sweep if that fails."""

import json
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest
from fakes import TWO_OBJECTIVES, problem
from journals import life, write_journal
from pages import data_of

from ax_moo.html_report import at_end
from ax_moo.html_report.at_end import write_at_end
from ax_moo.html_report.writing import ANALYSES_FILE
from ax_moo.optimizer.bayes.ax_client import AxOptimizer

pytestmark = [pytest.mark.hydra_free, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep that is over, in a process that can be forked for its page."""
    assert AxOptimizer.__module__ == at_end.NEEDED
    monkeypatch.setattr(at_end, "_can_fork", lambda: True)  # pytest's own threads are of no account
    events = []
    for index, x in enumerate((0.1, 0.4, 0.6, 0.9)):
        events += life(index, {"x": x}, {"f": x**2, "g": 1 - x}, index, index + 0.5)
    return write_journal(tmp_path, problem("x=interval(0, 1)", objectives=TWO_OBJECTIVES), events, method="auto")


def no_program(*_: Any, **__: Any) -> NoReturn:
    raise BlockingIOError(11, "Resource temporarily unavailable")


def killed(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_has_imported_ax_writes_the_page_in_a_fork(
    swept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(at_end, "start_writing", no_program)
    write_at_end(swept)
    assert capsys.readouterr().out == f"report: {swept / 'report.html'}\n"
    surrogate = data_of(swept / "report.html")["surrogate"]
    assert surrogate["why_not"] is None
    assert surrogate["trials_used"] == 4


def test_a_fork_that_is_killed_is_followed_by_a_program(
    swept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {"completed": 4, "surrogate": {"why_not": "no model is needed here"}}
    (swept / ANALYSES_FILE).write_text(json.dumps(kept))
    monkeypatch.setattr(at_end, "write_report", killed)
    write_at_end(swept)
    assert capsys.readouterr().out == f"report: {swept / 'report.html'}\n"
    assert data_of(swept / "report.html")["surrogate"]["why_not"] == "no model is needed here"


def test_a_sweep_whose_page_no_process_can_write_says_so_and_ends_as_it_would(
    swept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(at_end, "write_report", killed)
    monkeypatch.setattr(at_end, "start_writing", no_program)
    write_at_end(swept)
    assert "The report was not written: no process can be started" in caplog.text


def test_a_page_that_takes_too_long_is_given_up_and_its_process_ended(
    swept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(at_end, "write_report", lambda folder: time.sleep(600))
    monkeypatch.setattr(at_end, "LAST_SECONDS", 0.2)
    write_at_end(swept)
    assert "The report is not finished" in caplog.text
    assert not multiprocessing.active_children()


def test_a_fork_that_waits_for_ever_is_ended_and_followed_by_a_program(
    swept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one does for a lock that a thread of a library held in the moment of the fork."""
    kept = {"completed": 4, "surrogate": {"why_not": "no model is needed here"}}
    (swept / ANALYSES_FILE).write_text(json.dumps(kept))
    held = threading.Lock()
    held.acquire()
    monkeypatch.setattr(at_end, "write_report", lambda folder: held.acquire())
    write_at_end(swept, still_seconds=0.3)
    assert capsys.readouterr().out == f"report: {swept / 'report.html'}\n"
    assert data_of(swept / "report.html")["surrogate"]["why_not"] == "no model is needed here"
    assert not multiprocessing.active_children()


def test_a_fork_that_works_is_not_taken_for_one_that_waits(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def works(folder: Path) -> None:
        while time.process_time() < 1.5:
            pass
        (folder / "worked").touch()

    monkeypatch.setattr(at_end, "write_report", works)
    monkeypatch.setattr(at_end, "start_writing", no_program)
    write_at_end(swept, still_seconds=1.0)
    assert (swept / "worked").exists()


def test_a_fork_ends_by_itself_where_nobody_ends_it(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sweeper may be killed while it waits."""
    monkeypatch.setattr(at_end, "write_report", lambda folder: time.sleep(600))
    monkeypatch.setattr(at_end, "LAST_SECONDS", 1)
    process = multiprocessing.get_context("fork").Process(target=at_end._write, args=(swept,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGALRM


def test_a_process_with_other_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_end, "THREAD_SECONDS", 600.0)
    over = threading.Event()
    thread = threading.Thread(target=over.wait, daemon=True)
    thread.start()
    begin = time.monotonic()
    assert not at_end._can_fork()
    assert time.monotonic() - begin < 60
    over.set()
    thread.join()
