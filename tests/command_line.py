"""A Hydra application's command line for a test, without the seconds that starting Python and importing costs."""

import atexit
import contextlib
import functools
import importlib
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """A process that was killed has the signal's number, negative, as its code."""

    code: int
    stdout: str
    stderr: str


class CommandLine:
    """Runs ``python app.py ...`` in forks of one process that has imported Hydra and what the sweeper imports."""

    def __init__(self, process: "subprocess.Popen[str]", files: Path) -> None:
        self._process = process
        self._files = files

    def run(self, folder: Path, *arguments: str, app: Path, environment: Mapping[str, str] = os.environ) -> Ended:
        """The command, run in ``folder`` to its end."""
        return self.start(folder, *arguments, app=app, environment=environment).end()

    def start(self, folder: Path, *arguments: str, app: Path, environment: Mapping[str, str] = os.environ) -> "Started":
        """The command in a session of its own, so that a test can send it what a terminal sends on Ctrl-C."""
        files = Path(tempfile.mkdtemp(dir=self._files))
        for name in ("output", "errors"):
            (files / name).touch()  # a command that is killed before it can open them has said nothing
        request = {
            "arguments": [str(app), *arguments],
            "folder": str(folder),
            "files": str(files),
            "environment": dict(environment),
        }
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return Started(int(self._process.stdout.readline()), files)


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
    """One for all tests of this process, until it ends; ``imported`` are more modules that the forks have imported."""
    opened = contextlib.ExitStack()
    files = opened.enter_context(tempfile.TemporaryDirectory(prefix="command-line-"))
    command = [sys.executable, __file__, *imported]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    opened.enter_context(process)
    atexit.register(opened.close)  # after the folder has registered its own end, so that it comes before that
    return CommandLine(process, Path(files))


def _serve() -> None:
    import hydra  # noqa: F401
    from hydra.core.plugins import Plugins

    import ax_moo.session.run  # noqa: F401

    for name in sys.argv[1:]:
        importlib.import_module(name)
    Plugins.instance()
    for line in sys.stdin:
        _reap()
        if os.fork() == 0:
            _run(json.loads(line))
            return


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(request: dict[str, object]) -> None:
    """Wait for the command in one more fork, and note how it ended."""
    files = Path(str(request["files"]))
    pid = os.fork()
    if pid == 0:
        _become(request, files)
        return
    print(pid, flush=True)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    aside = files / "code.new"
    aside.write_text(str(code))
    aside.rename(files / "code")
    os._exit(0)


def _become(request: dict[str, object], files: Path) -> None:
    """End this process as ``python app.py`` would."""
    os.setsid()
    # Tests run in the background of a script ignore Ctrl-C, and hand that down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "output"), (2, "errors")):
        os.dup2(os.open(files / name, os.O_WRONLY), number)
    os.chdir(str(request["folder"]))
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[arg-type]
    if "KILL_AT" in os.environ:
        importlib.import_module("kill_points").arm(os.environ.pop("KILL_AT"))
    sys.argv = list(request["arguments"])  # type: ignore[arg-type]
    sys.orig_argv = [sys.executable, *sys.argv]
    script = Path(sys.argv[0]).absolute()
    sys.path[0] = str(script.parent)
    random.seed()
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    _serve()
