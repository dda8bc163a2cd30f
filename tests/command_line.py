"""A Hydra application's command line for a test, without the second that starting Python and importing Hydra costs."""

import importlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str


class CommandLine:
    """Runs ``python app.py ...`` in forks of one process that has imported Hydra and what the sweeper imports."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, folder: Path, *arguments: str, app: Path, environment: dict[str, str] | None = None) -> Ended:
        """The command, run in ``folder``, with ``environment`` besides the one that the process has."""
        return self.start(folder, *arguments, app=app, environment=environment).wait()

    def start(self, folder: Path, *arguments: str, app: Path, environment: dict[str, str] | None = None) -> "Started":
        """The command while it runs; the next one can be started when this one was waited for."""
        output, errors = folder / ".stdout", folder / ".stderr"
        request = {
            "arguments": [str(app), *arguments],
            "folder": str(folder),
            "output": str(output),
            "errors": str(errors),
            "environment": environment or {},
        }
        assert self._process.stdin
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return Started(self, self.answer(), output, errors)

    def answer(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


@dataclass(frozen=True)
class Started:
    command_line: CommandLine
    pid: int
    output: Path
    errors: Path

    def wait(self) -> Ended:
        """A process that was killed has the signal's number, negative, as its code."""
        code = self.command_line.answer()
        ended = Ended(code, self.output.read_text(), self.errors.read_text())
        self.output.unlink()
        self.errors.unlink()
        return ended


@contextmanager
def open_command_line(*imported: str) -> Iterator[CommandLine]:
    """``imported`` are more modules that its process is to have imported."""
    with subprocess.Popen(
        [sys.executable, __file__, *imported], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield CommandLine(process)
        assert process.stdin
        process.stdin.close()


def _serve() -> None:
    import hydra  # noqa: F401
    from hydra.core.plugins import Plugins

    import ax_moo.from_hydra  # noqa: F401

    for name in sys.argv[1:]:
        importlib.import_module(name)
    Plugins.instance()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(request)
            return
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(request: dict[str, object]) -> None:
    """End this process as ``python app.py`` would."""
    for number, key in ((1, "output"), (2, "errors")):
        file = os.open(str(request[key]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    os.chdir(str(request["folder"]))
    os.environ.update(request["environment"])  # type: ignore[arg-type]
    if "KILL_AT" in os.environ:
        importlib.import_module("kill_points").arm(os.environ.pop("KILL_AT"))
    sys.argv = list(request["arguments"])  # type: ignore[arg-type]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _serve()
