"""A Hydra application's command line for a test, without the seconds that starting Python and importing costs."""

import atexit
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from command_line_server import GREETING, LOCK, SOCKET

SWEEPER = ("ax_moo.optimizer.bayes.ax_client", "ax_moo.cli.app")
"""What a sweep and ``ax-moo`` import, for :func:`command_line`."""

_SERVER = Path(__file__).with_name("command_line_server.py")
_NO_SERVER = (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True)
class Ended:
    """A process that was killed has the signal's number, negative, as its code."""

    code: int
    stdout: str
    stderr: str


class CommandLine:
    """Runs ``python app.py ...`` in forks of a server that has imported Hydra and what the sweeper imports."""

    def __init__(self, server: socket.socket, folder: Path) -> None:
        self._server = server
        self._lines = server.makefile("rw")
        self._folder = folder

    def run(
        self,
        folder: Path,
        *arguments: str,
        app: Path,
        environment: Mapping[str, str] = os.environ,
        seconds: float = 240.0,
    ) -> Ended:
        """The command, run in ``folder`` to its end."""
        started = self.start(folder, *arguments, app=app, environment=environment)
        try:
            started.wait(seconds)
        finally:
            started.kill()
        return started.end()

    def start(self, folder: Path, *arguments: str, app: Path, environment: Mapping[str, str] = os.environ) -> "Started":
        """The command in a session of its own, so that a test can send it what a terminal sends on Ctrl-C."""
        files = Path(tempfile.mkdtemp(dir=self._folder))
        for name in ("output", "errors"):
            (files / name).touch()  # a command that is killed before it can open them has said nothing
        request = {
            "arguments": [str(app), *arguments],
            "folder": str(folder),
            "files": str(files),
            "environment": dict(environment),
        }
        print(json.dumps(request), file=self._lines, flush=True)
        pid = self._lines.readline()
        if not pid:
            raise RuntimeError(f"the server of {self._folder} has ended")
        return Started(int(pid), files)

    def close(self) -> None:
        self._lines.close()
        self._server.close()


class Started:
    """The command while it runs: as much of ``subprocess.Popen`` as tests need, with files in place of pipes."""

    def __init__(self, pid: int, files: Path) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.output, self.errors, self._code = (files / name for name in ("output", "errors", "code"))

    def poll(self) -> int | None:
        if self.returncode is None and self._code.exists():
            self.returncode = int(self._code.read_text())
        return self.returncode

    def wait(self, timeout: float = 240.0) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise TimeoutError(f"process {self.pid} still runs after {timeout:g} s and has said: {self._said()}")
            time.sleep(0.01)
        return code

    def communicate(self, timeout: float = 240.0) -> tuple[str, str]:
        self.wait(timeout)
        return self._said()

    def end(self) -> Ended:
        return Ended(self.wait(), *self._said())

    def kill(self) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _said(self) -> tuple[str, str]:
        return self.output.read_text(), self.errors.read_text()


@functools.cache
def command_line(*imported: str) -> CommandLine:
    """A connection to the server that has also imported ``imported``.

    The processes of a test run share a server. The first that needs it starts it. It ends when no process is connected.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    key = hashlib.sha256(json.dumps([os.getuid(), run, *imported]).encode()).hexdigest()[:12]
    # The path is short, because that of a socket has 107 characters at most.
    folder = Path(tempfile.gettempdir(), f"forks-{key}")
    line = CommandLine(_connected(folder, imported), folder)
    atexit.register(line.close)
    return line


def _connected(folder: Path, imported: Sequence[str]) -> socket.socket:
    with contextlib.suppress(*_NO_SERVER):
        return _connection(folder)
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(*_NO_SERVER):
            return _connection(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        # The server holds the lock until it listens, also when this process is killed before.
        command = [sys.executable, _SERVER, folder, str(lock.fileno()), *imported]
        nothing = subprocess.DEVNULL
        subprocess.run(command, stdin=nothing, stdout=nothing, pass_fds=[lock.fileno()], check=True)
        return _connection(folder)


def _connection(folder: Path) -> socket.socket:
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user, who would be sent the environment of every command")
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(folder / SOCKET))
        if connection.recv(len(GREETING)) != GREETING:
            raise ConnectionResetError(f"the server of {folder} has just ended")
    except OSError:
        connection.close()
        raise
    return connection
