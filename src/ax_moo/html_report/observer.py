"""The page as the sweep goes: a process of its own now and then, and the whole page at the end."""

import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ax_moo.html_report.writing import REPORT_FILE
from ax_moo.problem.problem import Problem
from ax_moo.sweep.observers import Progress
from ax_moo.system.terminal import say
from ax_moo.trial import Trial

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 30.0
LAST_SECONDS = 900.0
"""Many times what a page of a thousand trials takes; a sweep that is over must not wait for ever for a page."""


class ReportObserver:
    """Has the page written when something has changed, at most twice a minute, and never waits for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._has_changed = False
        self._started = -INTERVAL_SECONDS
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, problem: Problem, trials: Sequence[Trial]) -> None:
        pass

    def on_trial_state(self, trial: Trial) -> None:
        self._has_changed = True

    def on_poll(self, progress: Progress) -> None:
        now = time.monotonic()
        is_writing = self._process is not None and self._process.poll() is None
        if self._has_changed and not is_writing and now - self._started >= INTERVAL_SECONDS:
            self._has_changed, self._started = False, now
            self._process = start_writing(self._folder)

    def close(self) -> None:
        """A page that is half written must not take the place of a later one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def start_writing(folder: Path, whole: bool = False) -> "subprocess.Popen[bytes]":
    """Have the page written by a process that no signal to this one's terminal reaches."""
    # -P: the folder in which the sweep was started may hold modules that are named like ours.
    command = [sys.executable, "-P", "-m", "ax_moo.html_report", str(folder), *(["--whole"] if whole else [])]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if whole else subprocess.DEVNULL,
        start_new_session=True,
    )


def write_at_end(folder: Path) -> None:
    """Write the whole page and say where it is; whatever goes wrong, or Ctrl-C, costs the page and nothing else."""
    process = start_writing(folder, whole=True)
    try:
        _, said = process.communicate(timeout=LAST_SECONDS)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
        log.warning("The report was not finished; ax-moo report %s writes it", folder)
        return
    if process.returncode == 0:
        say(f"report: {folder / REPORT_FILE}")
    else:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        log.warning("The report was not written: %s; try ax-moo report %s", *(last or ["no reason is known"]), folder)
