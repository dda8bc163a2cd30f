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
from typing import Any, Protocol, TypeAlias

import psutil

from ax_moo.system.disk import replace_file
from ax_moo_launchers.files import TASK, cancel_file, claim_file, exit_file, log_file
from ax_moo_launchers.job.carried import CARRIED, MODULES
from ax_moo_launchers.kept_place import KeptPlace
from ax_moo_launchers.slurm.memory_kills import memory_kills

_POLL_S = 0.05
_LOOK_S = 0.5
_GRACE_S = 5.0
_PR_SET_CHILD_SUBREAPER = 36

CANCELLED = "cancelled"
OUT_OF_MEMORY = "OUT_OF_MEMORY"


class Process(Protocol):
    """A child process: a Popen, or a fork."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def send_signal(self, sig: int, /) -> None: ...


Fork: TypeAlias = Callable[[Path, Path, Path, dict[str, str]], Process | None]


class Ride:
    """A trial of a carrier: its process has a session, logs, a result and an exit code of its own."""

    def __init__(
        self,
        folder: Path,
        job_id: str,
        merges_stderr: bool = False,
        fork: Fork = lambda *trial: None,
        modules: str = "",
    ) -> None:
        """``fork`` makes a trial's process, or None if it has to begin cold. ``modules`` is for what it imports."""
        self.folder = folder
        self.job_id = job_id
        self.reason: str | None = None
        self.code: int | None = None
        self._merges_stderr = merges_stderr
        self._fork = fork
        self._modules = modules
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
        environ = {**os.environ, CARRIED: self.job_id, MODULES: self._modules}
        out = log_file(self.folder, self.job_id, 0, "out")
        err = out if self._merges_stderr else log_file(self.folder, self.job_id, 0, "err")
        self._process: Process = self._fork(self.folder, out, err, environ) or self._start_cold(out, err, environ)

    def _start_cold(self, out: Path, err: Path, environ: dict[str, str]) -> Process:
        command = [sys.executable, "-P", "-u", "-m", TASK, str(self.folder)]
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "start_new_session": True}
        with open(out, "ab") as output, open(err, "ab") as errors:
            return subprocess.Popen(command, env=environ, stdout=output, stderr=errors, **options)

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


def adopt_left_processes() -> bool:
    """Let processes whose parents have ended become children of this one; whether the system does that."""
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    return False


def end_left_processes(but: set[int]) -> None:
    """End what an ended trial has left behind, but not these: nothing of it may take room from the next one."""
    for _ in range(3):  # one may start another meanwhile
        left = [each for each in psutil.Process().children(recursive=True) if each.pid not in but]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=2)
        if not left:
            return
