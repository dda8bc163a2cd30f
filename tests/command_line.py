"""A Hydra application's command line for a test, without the second that starting Python and importing Hydra costs."""

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
        output, errors = folder / ".stdout", folder / ".stderr"
        request = {
            "arguments": [str(app), *arguments],
            "folder": str(folder),
            "output": str(output),
            "errors": str(errors),
            "environment": environment or {},
        }
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(request), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        ended = Ended(code, output.read_text(), errors.read_text())
        output.unlink()
        errors.unlink()
        return ended


@contextmanager
def open_command_line() -> Iterator[CommandLine]:
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield CommandLine(process)
        assert process.stdin
        process.stdin.close()


def _serve() -> None:
    import hydra  # noqa: F401
    from hydra.core.plugins import Plugins

    import ax_moo.from_hydra  # noqa: F401

    Plugins.instance()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(request)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(request: dict[str, object]) -> None:
    """End this process as ``python app.py`` would."""
    for number, key in ((1, "output"), (2, "errors")):
        file = os.open(str(request[key]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    os.chdir(str(request["folder"]))
    os.environ.update(request["environment"])  # type: ignore[arg-type]
    sys.argv = list(request["arguments"])  # type: ignore[arg-type]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _serve()
