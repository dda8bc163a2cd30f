"""Warm trials of a carrier: forks of a process in its Slurm job that has done their imports."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ax_moo_launchers.carriers.left_processes import end_left_processes
from ax_moo_launchers.carriers.program import modules_file, program_of
from ax_moo_launchers.carriers.warm_parent import Order
from ax_moo_launchers.warm.preloaded import Forked

_IMPORTS_S = 120.0
_ANSWER_S = 15.0
_MOST_PARENTS = 4


class Warmth:
    """The parent of a carrier's trials, as soon as an earlier trial of the sweep has told what trials import.

    Whatever goes wrong means that trials begin cold, and one line says why. ``folder`` is the queue's.
    """

    def __init__(self, folder: Path, can_fork: bool = True) -> None:
        self._folder = folder
        self._parent: _ParentProcess | None = None
        self._parents = 0 if can_fork else _MOST_PARENTS

    @property
    def pids(self) -> set[int]:
        """The parent's own processes, which do not end with a trial."""
        return {self._parent.process.pid} if self._parent else set()

    def prepare(self) -> None:
        """Begin with the imports, if it is known what they are. This does not wait for them."""
        if self._parent is None and self._parents < _MOST_PARENTS and modules_file(self._folder).exists():
            self._parents += 1
            try:
                self._parent = _ParentProcess(self._folder)
            except (OSError, ValueError) as error:
                self._give_up(f"no parent process can be started for them ({error})")

    def start(self, folder: Path, out: Path, err: Path, environ: Mapping[str, str]) -> Forked | None:
        """A trial's process; None if it has to begin cold."""
        self.prepare()
        if self._parent is None:
            return None
        request = {"folder": str(folder), "out": str(out), "err": str(err), "environ": dict(environ)}
        try:
            answer = self._parent.ask(request)
        except (OSError, ValueError) as error:
            answer = {"unfit": f"their parent process does not answer ({error})"}
        if "pid" in answer:
            return Forked(int(answer["pid"]))
        self._give_up(str(answer.get("unfit")))
        return None

    def close(self) -> None:
        if self._parent is not None:
            self._parent.close()
            self._parent = None

    def _give_up(self, why: str) -> None:
        """Begin one trial cold; the next one has another parent, a few times."""
        print(f"A trial begins cold: {why}", flush=True)
        self.close()
        end_left_processes(but=set())  # the fork that it has made, perhaps, and could not tell of


class _ParentProcess:
    def __init__(self, folder: Path) -> None:
        program = program_of(folder)
        mine, self._requests = os.pipe()
        self._answers, theirs = os.pipe()
        self._received = b""
        self._is_ready = False
        order = Order(
            modules_file=str(modules_file(folder)),
            path=program.path,
            library=program.library,
            arguments=program.arguments,
            pipes=(mine, theirs),
            left_out={},
        )
        self._deadline = time.monotonic() + _IMPORTS_S
        try:
            self.process = subprocess.Popen(
                order.command(), stdin=subprocess.DEVNULL, pass_fds=(mine, theirs), start_new_session=True
            )
        except BaseException:
            os.close(self._requests)
            os.close(self._answers)
            raise
        finally:
            os.close(mine)
            os.close(theirs)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request, which waits for the end of the imports."""
        if not self._is_ready:
            about = self._read(self._deadline)
            if "unfit" in about:
                return about
            self._is_ready = True
        content = json.dumps(request).encode() + b"\n"
        while content:
            content = content[os.write(self._requests, content) :]
        return self._read(time.monotonic() + _ANSWER_S)

    def close(self) -> None:
        for pipe in (self._requests, self._answers):
            with suppress(OSError):
                os.close(pipe)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _read(self, until: float) -> dict[str, Any]:
        while b"\n" not in self._received:
            if not select.select([self._answers], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("no answer in time")
            part = os.read(self._answers, 1 << 16)
            if not part:
                raise BrokenPipeError("it has ended")
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer
