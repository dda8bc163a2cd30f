"""One trial's process within a Slurm job that other trials use before and after it."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from ax_moo.system.disk import replace_file
from ax_moo_launchers.files import TASK, cancel_file, claim_file, exit_file, log_file
from ax_moo_launchers.job.carried import CARRIED
from ax_moo_launchers.kept_place import KeptPlace
from ax_moo_launchers.slurm.memory_kills import memory_kills

_POLL_S = 0.05
_LOOK_S = 0.5
_GRACE_S = 5.0
_PR_SET_CHILD_SUBREAPER = 36

CANCELLED = "cancelled"
OUT_OF_MEMORY = "OUT_OF_MEMORY"


class Ride:
    """A trial of a carrier: its process has a session, logs, a result and an exit code of its own."""

    def __init__(self, folder: Path, job_id: str, merges_stderr: bool = False) -> None:
        self.folder = folder
        self.job_id = job_id
        self.reason: str | None = None
        self.code: int | None = None
        self._merges_stderr = merges_stderr
        self._note = KeptPlace(exit_file(folder, job_id))
        self._started = time.monotonic()
        self._looked_at = 0.0
        self._kill_at = float("inf")

    def begin(self, carrier: str, place: int) -> None:
        """Write who has the trial, and start it; ``place`` is the number of trials that the carrier had before."""
        self._kills = memory_kills()
        claim = {
            "carrier": carrier,
            "node": os.environ.get("SLURMD_NODENAME", ""),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "start": time.time(),
            "place": place,
        }
        replace_file(claim_file(self.folder, self.job_id), json.dumps(claim))
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-u", "-m", TASK, str(self.folder)]
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "start_new_session": True}
        environ = {**os.environ, CARRIED: self.job_id}
        with open(log_file(self.folder, self.job_id, 0, "out"), "ab") as out:
            if self._merges_stderr:
                return subprocess.Popen(command, env=environ, stdout=out, stderr=subprocess.STDOUT, **options)
            with open(log_file(self.folder, self.job_id, 0, "err"), "ab") as err:
                return subprocess.Popen(command, env=environ, stdout=out, stderr=err, **options)

    def wait(self) -> int:
        """Wait until the process has ended, which a cancellation may hasten, and return its exit code."""
        while (code := self._process.poll()) is None:
            self._look_for_cancellation()
            time.sleep(_POLL_S)
        self.code = code
        if code and not self.reason and memory_kills() > self._kills:
            self.reason = OUT_OF_MEMORY
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its data loaders, for example
        return code

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def note_end(self) -> None:
        """Write how the trial has ended; without this the Slurm job's own end says it."""
        note = {"exit_codes": [self.code], "reason": self.reason, "seconds": round(self.seconds, 3)}
        with contextlib.suppress(OSError):
            self._note.write(json.dumps(note))

    def leave_end_open(self) -> None:
        self._note.give_up()

    def _look_for_cancellation(self) -> None:
        now = time.monotonic()
        if now > self._kill_at:
            os.killpg(self._process.pid, signal.SIGKILL)
        if self.reason or now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        if cancel_file(self.folder, self.job_id).exists():
            self.reason, self._kill_at = CANCELLED, now + _GRACE_S
            self._process.send_signal(signal.SIGTERM)
            self._process.send_signal(signal.SIGCONT)  # one that is stopped would not hear of it


def note_that_none_began(folder: Path, job_id: str, reason: str) -> None:
    note = {"exit_codes": [], "reason": reason, "seconds": 0.0}
    with contextlib.suppress(OSError):
        replace_file(exit_file(folder, job_id), json.dumps(note))


def adopt_left_processes() -> None:
    """Let processes whose parents have ended become children of this one, so that it can end them."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_left_processes(but: Callable[[], set[int]] = set) -> None:
    """End what an ended trial has left behind: nothing of it may take room from the next one."""
    for _ in range(3):  # one may start another meanwhile
        left = [each for each in psutil.Process().children(recursive=True) if each.pid not in but()]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=2)
        if not left:
            return
