"""The controller process of one local job: it starts the tasks, enforces the time limit, and records how they ended.

It is run as ``python -m ax_moo_launchers.local.controller FOLDER LIMIT_S``. Submitit's own controller does not record
exit codes, so that a dead job looks like a running one; it restarts a job after its time limit; and its imports are
most of what a controller costs.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from ax_moo.system.signals import hold_back, warning_signal
from ax_moo.system.text import error_line
from ax_moo_launchers.files import exit_file, log_file, process_file
from ax_moo_launchers.job.exit_codes import no_room
from ax_moo_launchers.kept_place import KeptPlace

CONTROLLER = "ax_moo_launchers.local.controller"

_POLL_S = 0.04
_GRACE_S = 5.0
_SIGNAL_DELAY_S = 30.0
_HEARTBEAT_S = 10.0


class Task(Protocol):
    """A child process: a Popen, or a fork."""

    def poll(self) -> int | None: ...

    def send_signal(self, sig: int, /) -> None: ...


StartTask: TypeAlias = Callable[[dict[str, str], int, int], Task]
"""Starts a task with an environment and the files of its output and its error output."""


def start_cold(environ: Mapping[str, str], out: int, err: int) -> Task:
    return subprocess.Popen(shlex.split(environ["SUBMITIT_LOCAL_COMMAND"]), env=environ, stdout=out, stderr=err)


class Controller:
    """Leads its own process group, and writes ``<id>_exit.json`` at the end."""

    def __init__(self, folder: Path, timeout_s: float | None, start_task: StartTask = start_cold) -> None:
        self.folder = folder
        self.pid = str(os.getpid())
        self.tasks: list[Task] = []
        self._start = start_task
        self.limit_s = timeout_s
        self.reason: str | None = None
        self._started = time.monotonic()
        self._deadline: float | None = None
        self._touched = 0.0
        self._note = KeptPlace(exit_file(self.folder, self.pid))
        signal.signal(signal.SIGTERM, self._cancel)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # The tasks unblock the signal when they can handle it. Python takes seconds to start on a busy machine.
        hold_back(warning_signal())

    def run(self) -> None:
        codes: list[int | None] = []
        try:
            self._start_tasks()
            codes = self._wait()
        except Exception as error:
            self.reason = no_room(error, self.folder) or error_line(error)
        with contextlib.suppress(OSError):
            self._note.write(json.dumps({"exit_codes": codes, "reason": self.reason}))
        if self.reason or any(code != 0 for code in codes):
            # No process of a dead job, such as a data loader, may live on. This kills the controller as well.
            os.killpg(0, signal.SIGKILL)

    def _start_tasks(self) -> None:
        for number in range(int(os.environ["SUBMITIT_LOCAL_NTASKS"])):
            self.tasks.append(self._start_task(number))

    def _start_task(self, number: int) -> Task:
        ranks = dict.fromkeys(("SUBMITIT_LOCAL_LOCALID", "SUBMITIT_LOCAL_GLOBALID"), str(number))
        environ = {**os.environ, "SUBMITIT_LOCAL_JOB_ID": self.pid, **ranks}
        with open(log_file(self.folder, self.pid, number, "out"), "ab") as out:
            if os.environ["SUBMITIT_STDERR_TO_STDOUT"]:
                return self._start(environ, out.fileno(), out.fileno())
            with open(log_file(self.folder, self.pid, number, "err"), "ab") as err:
                return self._start(environ, out.fileno(), err.fileno())

    def _wait(self) -> list[int | None]:
        """Wait until all tasks have ended, were cancelled, or are out of time, and return their exit codes.

        If one task fails, the job ends: the other tasks would wait for it for ever.
        """
        self._arm()
        while True:
            codes = [task.poll() for task in self.tasks]
            if all(code is not None for code in codes):
                return codes
            if self._deadline is None and any(code not in (None, 0) for code in codes):
                self._end_soon(None)
            if self._deadline is not None and time.monotonic() > self._deadline:
                return codes
            self._watch_time()
            self._beat()
            time.sleep(_POLL_S)

    def _arm(self) -> None:
        """Set the time for the warning signal: before the limit, so that the tasks can write a checkpoint."""
        self._signal_at = float("inf")
        if self.limit_s is not None:
            self._signal_at = self._started + self.limit_s - min(_SIGNAL_DELAY_S, 0.2 * self.limit_s)

    def _watch_time(self) -> None:
        now = time.monotonic()
        if now > self._signal_at:
            self._signal_at = float("inf")
            self._tell_tasks(warning_signal())
        if self.limit_s is not None and self._deadline is None and now > self._started + self.limit_s:
            self.reason = f"time limit of {self.limit_s / 60:g} min reached"
            self._deadline = now

    def _beat(self) -> None:
        """Touch a file, as a heartbeat for a sweep that was resumed on another host."""
        if time.monotonic() - self._touched > _HEARTBEAT_S:
            self._touched = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(process_file(self.folder, self.pid))

    def _cancel(self, signum: int, frame: Any) -> None:
        del signum, frame
        self._end_soon("cancelled")

    def _end_soon(self, reason: str | None) -> None:
        """Ask the tasks to end; those that remain after a grace period are killed."""
        self.reason = self.reason or reason
        if self._deadline is None:
            self._deadline = time.monotonic() + _GRACE_S
        self._tell_tasks(signal.SIGTERM)
        self._tell_tasks(signal.SIGCONT)  # as Slurm does: a task that is stopped would not hear of it

    def _tell_tasks(self, signum: signal.Signals) -> None:
        for task in self.tasks:
            with contextlib.suppress(OSError):
                task.send_signal(signum)


def main() -> None:
    folder, limit = sys.argv[1:]
    Controller(Path(folder), float(limit) if limit else None).run()


if __name__ == "__main__":
    main()
