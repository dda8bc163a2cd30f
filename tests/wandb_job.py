"""A Hydra application in a process of its own, as the tests of W&B start it."""

import functools
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from wandb_server import FakeWandb

HERE = Path(__file__).parent
APP = HERE / "wandb_app.py"
TRAIN = HERE.parent / "train.py"


@dataclass(frozen=True)
class Ended:
    """``seconds`` are those that W&B took from the training: [to start, to end]."""

    code: int
    output: str

    @property
    def complaints(self) -> list[str]:
        """What was said about W&B above the level of information."""
        return [line for line in self.output.splitlines() if re.search(r"\]\[(WARNING|ERROR)\] - W&B", line)]

    @property
    def seconds(self) -> list[float]:
        return [float(found) for found in re.findall(r"(?:started|ended) after ([\d.]+) s", self.output)]


class WandbJob:
    """``app -m overrides...`` under Hydra's own launcher and sweeper, with a server's environment.

    It runs in a fork of a process that has imported Lightning already, which takes most of the time of so short a job.
    """

    def __init__(
        self,
        server: FakeWandb,
        folder: Path,
        *overrides: str,
        app: Path = APP,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        changed = {**server.environment(), "OMP_NUM_THREADS": "1", **(environment or {})}
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._output = folder / "output"
        request = {
            "arguments": [str(app), "-m", "hydra/launcher=basic", "hydra/sweeper=basic", "logger=wandb", *overrides],
            "folder": str(folder),
            "environment": {key: value for key, value in changed.items() if value is not None},
            "output": str(self._output),
        }
        self._forks = _forks()
        self._pid = int(_ask(self._forks, request))

    def wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self._has_ended():
                raise RuntimeError(f"the job ended: {self.end().output}")
            time.sleep(0.05)

    def terminate(self) -> None:
        os.kill(self._pid, signal.SIGTERM)

    def end(self, timeout: float = 150) -> Ended:
        deadline = time.monotonic() + timeout
        while not self._has_ended():
            if time.monotonic() > deadline:
                os.kill(self._pid, signal.SIGKILL)
                raise TimeoutError(f"the job did not end: {self._output.read_text()}")
            time.sleep(0.02)
        code = int(_ask(self._forks, {"reap": self._pid}))
        return Ended(code, self._output.read_text())

    def _has_ended(self) -> bool:
        return psutil.Process(self._pid).status() == psutil.STATUS_ZOMBIE


@functools.cache
def _forks() -> "subprocess.Popen[str]":
    """The process that jobs are forks of; it ends with the tests, when its input does."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def _ask(forks: "subprocess.Popen[str]", request: Mapping[str, object]) -> str:
    assert forks.stdin
    assert forks.stdout
    print(json.dumps(request), file=forks.stdin, flush=True)
    return forks.stdout.readline()


def _serve() -> None:
    import hydra  # noqa: F401

    import nas.train  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        if "reap" in request:
            print(os.waitstatus_to_exitcode(os.waitpid(request["reap"], 0)[1]), flush=True)
        elif pid := os.fork():
            print(pid, flush=True)
        else:
            _become(**request)
            return


def _become(arguments: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    """End this process as ``python app.py ...`` would."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(file, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    sys.path[0] = str(Path(arguments[0]).parent)
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    _serve()
