"""One trial's process within a Slurm job that other trials use before and after it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from ax_moo.system.disk import replace_file
from ax_moo_launchers.carriers.memory_kills import memory_kills
from ax_moo_launchers.files import TASK, cancel_file, claim_file, exit_file, log_file, result_file
from ax_moo_launchers.job.carried import CARRIED, CARRIER_PID, MODULES
from ax_moo_launchers.kept_place import KeptPlace

_POLL_S = 0.05
_LOOK_S = 0.5
_GRACE_S = 5.0
_LATE_S = 30.0

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
        to_pass_on: Callable[[], Collection[int]] = tuple,
        at_look: Callable[[int], None] = lambda pid: None,
    ) -> None:
        """``fork`` makes a trial's process, or None if it has to begin cold. ``modules`` is for what it imports.

        ``to_pass_on`` are the signals that the trial has to get, and ``at_look`` is called now and then with its pid.
        """
        self.folder = folder
        self.job_id = job_id
        self.reason: str | None = None
        self.code: int | None = None
        self.is_late = False
        self.on_late: Callable[[], None] = lambda: None
        self._merges_stderr = merges_stderr
        self._fork = fork
        self._modules = modules
        self._to_pass_on = to_pass_on
        self._at_look = at_look
        self._passed_on: set[int] = set()
        self._note = KeptPlace(exit_file(folder, job_id))
        self._started = time.monotonic()
        self._looked_at = 0.0
        self._done_at: float | None = None
        self._kill_at = float("inf")

    def begin(self, carrier: str, place: int) -> None:
        """Write who has the trial, and start it; ``place`` is the number of trials that the carrier had before."""
        self._kills = memory_kills()
        claim = {
            "carrier": carrier,
            "node": os.environ.get("SLURMD_NODENAME", ""),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "place": place,
        }
        replace_file(claim_file(self.folder, self.job_id), json.dumps(claim))
        environ = {**os.environ, CARRIED: self.job_id, CARRIER_PID: str(os.getpid()), MODULES: self._modules}
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
            self._pass_signals_on()
            self._look()
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

    def _pass_signals_on(self) -> None:
        for number in set(self._to_pass_on()) - self._passed_on:
            self._passed_on.add(number)
            self._process.send_signal(number)

    def _look(self) -> None:
        now = time.monotonic()
        if now > self._kill_at:
            os.killpg(self._process.pid, signal.SIGKILL)
        if now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        self._at_look(self._process.pid)
        # Unlike those of Path, this raises nothing: a moment without the file server must not end the trial.
        if not self.reason and os.path.exists(cancel_file(self.folder, self.job_id)):
            self.reason, self._kill_at = CANCELLED, now + _GRACE_S
            self._process.send_signal(signal.SIGTERM)
            self._process.send_signal(signal.SIGCONT)  # one that is stopped would not hear of it
        self._look_for_result(now)

    def _look_for_result(self, now: float) -> None:
        """Note a process that does not end after its work, such as one that hangs in its last thread."""
        if self._done_at is None and os.path.exists(result_file(self.folder, self.job_id)):
            self._done_at = now
        if self._done_at is not None and not self.is_late and now - self._done_at > _LATE_S:
            self.is_late = True
            with contextlib.suppress(OSError):
                self.on_late()


def note_that_none_began(folder: Path, job_id: str, reason: str) -> None:
    note = {"exit_codes": [], "reason": reason, "seconds": 0.0}
    with contextlib.suppress(OSError):
        replace_file(exit_file(folder, job_id), json.dumps(note))
