"""The process whose forks are the controllers of local jobs, and whose forks' forks are their tasks.

It is run as ``python -P -u -m ax_moo_launchers.local.parent WISH`` by the process of the sweeper.
"""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from ax_moo_launchers.files import TASK, forget_earlier, process_file, read_json, submitted_file
from ax_moo_launchers.local.controller import CONTROLLER, Controller
from ax_moo_launchers.local.processes import start_of
from ax_moo_launchers.warm import child, parent
from ax_moo_launchers.warm.preloaded import Forked, Preloaded
from ax_moo_launchers.warm.title import set_command_line

PARENT = "ax_moo_launchers.local.parent"
_PICKLE_S = 60.0


class Controllers:
    """The controllers of jobs, whose folder, time limit and environment a request says."""

    def __init__(self, preloaded: Preloaded) -> None:
        self.preloaded = preloaded
        self._forks: list[Forked] = []

    def start(self, folder: str, limit: str, environ: dict[str, str]) -> int:
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            run = partial(self._control, folder, limit)
            fork = self.preloaded.fork(run, environ, (nothing, nothing, nothing), is_leader=True)
        finally:
            os.close(nothing)
        self._forks.append(fork)
        forget_earlier(Path(folder), str(fork.pid))  # before anybody writes the files of this one
        return fork.pid

    def look(self) -> None:
        self._forks = [fork for fork in self._forks if fork.poll() is None]

    def _control(self, folder: str, limit: str) -> None:
        set_command_line(child.command_line(CONTROLLER, [folder, limit], ("-P",)))
        if _is_submitted(Path(folder), os.getpid()):
            start_task = partial(self._start_task, folder)
            Controller(Path(folder), float(limit) if limit else None, start_task).run()

    def _start_task(self, folder: str, environ: dict[str, str], out: int, err: int) -> Forked:
        return self.preloaded.start(TASK, [folder], environ, (0, out, err))


def _is_submitted(folder: Path, pid: int) -> bool:
    """Whether this process becomes a job: a fork is faster than the sweep's process, which may die, or find no room."""
    start, deadline = start_of(pid), time.monotonic() + _PICKLE_S
    while time.monotonic() < deadline:
        # An earlier job with this pid may have left a pickle, but not with this start.
        record = read_json(process_file(folder, str(pid))) or {}
        if record.get("start") == start and submitted_file(folder, str(pid)).exists():
            return True
        time.sleep(0.002)
    return False


def main() -> None:
    # As in the task of a job that begins cold: its controller ignores Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent.run(sys.argv[1], Controllers)


if __name__ == "__main__":
    main()
