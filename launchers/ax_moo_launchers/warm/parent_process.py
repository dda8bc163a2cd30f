"""A parent process, seen from the one that has started it, its owner."""

import json
import os
import select
import signal
import subprocess
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ax_moo_launchers.warm.likeness import Likeness
from ax_moo_launchers.warm.wish import Wish

_ANSWER_S = 15.0
_END_S = 5.0


class ParentProcess:
    def __init__(self, wish: Wish, environ: Mapping[str, str], output: int | None = subprocess.DEVNULL) -> None:
        """``output`` is for what imports print; with None it is where this process prints."""
        self.answer_s: float | None = None
        self.sweep = ""
        self._about: dict[str, Any] | None = None
        self._received = b""
        self._likeness = Likeness(Path(wish.modules_file), environ, wish.own_variables)
        self._answers, theirs = os.pipe()
        mine, self._requests = os.pipe()
        self._started = time.monotonic()
        try:
            self._process = subprocess.Popen(
                replace(wish, owner=os.getpid(), pipes=(mine, theirs)).command(),
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(mine, theirs),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._answers)
            os.close(self._requests)
            raise
        finally:
            os.close(mine)
            os.close(theirs)
        self.pid = self._process.pid
        # Also where nobody closes the launcher.
        self.close = weakref.finalize(self, _end, os.getpid(), self._process, self._answers, self._requests)

    def about(self) -> dict[str, Any] | None:
        """What it says of its imports; None while it is at them."""
        if self._about is None:
            self._about = self._read(0.0)
        return self._about

    def age(self) -> float:
        return time.monotonic() - self._started

    def why_other(self, environ: Mapping[str, str]) -> str | None:
        """In what a process of the sweep with this environment would differ from its forks."""
        return self._likeness.why_other(environ, self._about or {}, self.sweep)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request. TimeoutError: there is none in time."""
        limit = _ANSWER_S if self.answer_s is None else self.answer_s
        deadline = time.monotonic() + limit
        content = json.dumps(request).encode() + b"\n"
        while content:
            if not select.select([], [self._requests], [], max(0.0, deadline - time.monotonic()))[1]:
                raise TimeoutError(f"no answer within {limit:g} s")
            # A pipe that is ready takes so many bytes at once.
            content = content[os.write(self._requests, content[: select.PIPE_BUF]) :]
        answer = self._read(deadline - time.monotonic())
        if answer is None:
            raise TimeoutError(f"no answer within {limit:g} s")
        return answer

    def _read(self, seconds: float) -> dict[str, Any] | None:
        """The next answer, if it comes within some seconds."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._received:
            if not select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            part = os.read(self._answers, 1 << 16)
            if not part:
                raise BrokenPipeError("it has ended")
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _end(owner: int, process: "subprocess.Popen[bytes]", *pipes: int) -> None:
    """End the parent, and what its imports may have started; the owner's own forks leave it alone."""
    if os.getpid() != owner:
        return
    for pipe in pipes:
        with suppress(OSError):
            os.close(pipe)
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):  # the kernel ends none that waits for a dead file server
        process.wait(_END_S)
