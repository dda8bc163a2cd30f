import io
import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import TWO_OBJECTIVES, problem
from rich.console import Console

from ax_moo.console.progress import LiveTable, LogLines, console_observer, open_console
from ax_moo.console.summary import clock, closing_lines, frontier_table
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.observers import Progress
from ax_moo.trial import Job, Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

TWO = problem(objectives=TWO_OBJECTIVES)


def _completed(index: int, f: float, g: float) -> Trial:
    point = {"x": 0.25, "y": 0.5}
    return Trial(index, point, TrialStatus.COMPLETED, job=Job("7", "/jobs"), outcome={"f": f, "g": g})


def test_without_a_terminal_every_event_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    lines = LogLines()
    lines.open(TWO, [])
    with caplog.at_level(logging.INFO):
        lines.on_trial_state(Trial(0, {"x": 0.25}, TrialStatus.RUNNING, job=Job("7", "/jobs/0")))
        lines.on_trial_state(_completed(0, 0.5, 0.5))
        lines.on_trial_state(
            Trial(1, {"x": 0.25}, TrialStatus.FAILED, job=Job("8", "/jobs/1"), reason="ValueError: boom")
        )
    assert [record.getMessage() for record in caplog.records] == [
        "Trial 0 runs as job 7: x=0.25",
        "Trial 0 completed: f=0.5, g=0.5; hypervolume 0.25",
        "Trial 1 failed: ValueError: boom (log: /jobs/1)",
    ]
    assert caplog.records[2].levelname == "WARNING"


@pytest.mark.parametrize(("progress", "kind"), [("log", LogLines), ("bar", LiveTable), ("auto", LogLines)])
def test_the_setting_names_the_observer_and_auto_goes_by_the_terminal(progress: str, kind: type) -> None:
    assert isinstance(console_observer(progress), kind)


def test_an_application_may_have_its_own_object_as_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=len, flush=len))  # as loggers that write twice have
    assert isinstance(console_observer("auto"), LogLines)
    assert open_console().width == 200


def test_progress_none_is_silent() -> None:
    assert console_observer("none") is None


LIVE = """
import time
from ax_moo.sweep.budget import Budget
from ax_moo.console.progress import console_observer
from ax_moo.sweep.observers import Progress
from ax_moo.trial import Trial, TrialStatus
from test_console import TWO, _completed

table = console_observer("auto")
table.open(TWO, [])
trials = [
    _completed(0, 0.5, 0.5),
    Trial(1, {}, TrialStatus.FAILED, reason="[red]boom"),
    Trial(2, {}, TrialStatus.RUNNING),
]
table.on_trial_state(trials[1])
table.on_poll(Progress(trials, 90.0, Budget(6), False))
time.sleep(0.6)
table.close()
print("after")
"""


def test_on_a_terminal_a_table_shows_counts_best_values_hypervolume_and_time_left() -> None:
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": _path()}
    process = subprocess.Popen([sys.executable, "-c", LIVE], stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    with os.fdopen(controller, "rb", buffering=0) as screen:
        while True:
            try:
                chunk = screen.read(4096)
            except OSError:  # how Linux says that the other end of a terminal is closed
                break
            if not chunk:
                break
            shown += chunk
    assert process.wait() == 0, shown.decode()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    for words in (
        "1 done, 1 running, 1 failed of 6",
        "0:01:30 so far, 0:03:00 left",
        "0.5 (trial 0)",
        "1 trials, hypervolume 0.25",
        "Trial 1 failed: [red]boom",
        "after",
    ):
        assert words in text


def _path() -> str:
    return os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))


def test_time_left_goes_by_the_pace_within_the_time_limit() -> None:
    trials = [_completed(i, 0.5, 0.5) for i in range(3)]
    assert Progress(trials, 30.0, Budget(12), False).seconds_left == 90.0
    assert Progress(trials, 30.0, Budget(12, timeout_hours=0.01), False).seconds_left == pytest.approx(6.0)
    assert Progress([], 30.0, Budget(12), False).seconds_left is None
    assert clock(3725.4) == "1:02:05"


def test_the_closing_table_holds_the_frontier_best_first() -> None:
    table = frontier_table([_completed(0, 0.4, 0.2), _completed(1, 0.8, 0.6), _completed(2, 0.3, 0.7)], TWO)
    assert list(table.columns[0].cells) == ["1", "0"]
    assert [column.header for column in table.columns] == ["trial", "f", "g", "x", "y"]


def test_values_that_look_like_markup_are_shown_as_they_are() -> None:
    odd = problem(
        "p=choice('[a-z]+', '[/b]')", "x=interval(0, 1)", objectives={"acc[top1]": "maximize", "g": "minimize"}
    )
    trial = Trial(0, {"p": "[/b]", "x": 0.5}, TrialStatus.COMPLETED, outcome={"acc[top1]": 1.0, "g": 2.0})
    console = Console(file=io.StringIO(), width=100)
    console.print(frontier_table([trial], odd))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[/b]" in shown
    assert "acc[top1]" in shown


def test_without_thresholds_the_log_counts_the_frontier_instead_of_an_incomparable_volume(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = LogLines()
    lines.open(problem(objectives={"f": "maximize", "g": "minimize"}), [])
    with caplog.at_level(logging.INFO):
        lines.on_trial_state(_completed(0, 0.5, 0.5))
    assert caplog.records[0].getMessage().endswith("; 1 trials on the frontier")


def test_a_sweep_that_met_no_threshold_says_so() -> None:
    lines = closing_lines([_completed(0, -0.4, 0.2), Trial(1, {}, TrialStatus.FAILED)], TWO)
    assert lines[0] == "2 trials: 1 completed, 1 failed"
    assert "no trial meets" in lines[-1]
