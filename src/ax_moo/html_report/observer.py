"""Keeps the page up to date while the sweep runs, in processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ax_moo.problem.problem import Problem
from ax_moo.sweep.observers import Progress
from ax_moo.system import working_folder
from ax_moo.trial import Trial

NICENESS = 10
INTERVAL_SECONDS = 30.0
SHARE_OF_TIME = 0.1
"""The share of one core's time that pages may take: a page of thousands of trials is written less often."""


def interval(page_seconds: float) -> float:
    """The time between the beginnings of two pages, of which the first took so long."""
    return max(INTERVAL_SECONDS, page_seconds / SHARE_OF_TIME)


class ReportObserver:
    """Starts a process that writes the page when a trial has changed, at most twice a minute; never waits for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._has_changed = False
        self._started = -INTERVAL_SECONDS
        self._seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, problem: Problem, trials: Sequence[Trial]) -> None:
        pass

    def on_trial_state(self, trial: Trial) -> None:
        self._has_changed = True

    def on_poll(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            self._process, self._seconds = None, now - self._started
        if self._has_changed and self._process is None and now - self._started >= interval(self._seconds):
            self._has_changed, self._started = False, now
            self._process = start_writing(self._folder)

    def close(self) -> None:
        """Kill the process that is writing, so that its older page does not replace the one at the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process, self._seconds = None, 0.0


def start_writing(folder: Path, whole: bool = False) -> "subprocess.Popen[bytes]":
    """Start a process that writes the page; a signal from the terminal does not reach it."""
    # -P keeps modules in the current folder from hiding ours of the same name.
    command = [sys.executable, "-P", "-m", "ax_moo.html_report", str(folder), *(["--whole"] if whole else [])]
    return subprocess.Popen(
        command,
        cwd=folder if working_folder.is_gone() else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if whole else subprocess.DEVNULL,
        start_new_session=True,
    )


def be_nice() -> None:
    """Leave the cores to the trials."""
    with suppress(OSError):
        os.nice(NICENESS)
