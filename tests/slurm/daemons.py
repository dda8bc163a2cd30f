"""The daemons of a cluster: started, waited for, ended, and killed with all that they have started."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

_START_S = 60.0


class Daemons:
    """Processes by name, with their output and logs in one folder. They end with the process that started them."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.environ = dict(environ)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            # A test run that is killed takes its daemons with it.
            self._running[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env={**os.environ, **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_up(self, name: str) -> bool:
        return name in self._running

    def end(self, name: str) -> None:
        daemon = self._running.pop(name, None)
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(2)
        except subprocess.TimeoutExpired:
            _kill_group(daemon)

    def end_all(self) -> None:
        for name in reversed(list(self._running)):
            self.end(name)

    def kill(self, name: str) -> None:
        """SIGKILL, as when the power goes."""
        daemon = self._running.pop(name, None)
        if daemon is not None:
            _kill_group(daemon)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, **self.environ}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30)

    def succeeds(self, *command: str) -> bool:
        return self.run(*command).returncode == 0

    def wait(self, what: str, ready: Callable[[], bool]) -> None:
        """Until ``what`` is there; an error with all logs if a daemon ends or it takes too long."""
        deadline = time.monotonic() + _START_S
        while not ready():
            dead = [name for name, daemon in self._running.items() if daemon.poll() is not None]
            if dead or time.monotonic() > deadline:
                outputs = "\n".join(
                    f"== {path.name}\n{path.read_text(errors='replace')[-2000:]}"
                    for path in sorted([*self.folder.glob("*.out"), *self.folder.glob("*.log")])
                )
                raise RuntimeError(f"{what} did not come up (ended: {dead})\n{outputs}")
            time.sleep(0.1)


def kill_steps(log: Path) -> None:
    """SIGKILL for each slurmstepd that writes to a node's log, and for all that it runs.

    Again until none is left: one may start another meanwhile.
    """
    while steps := [process for process in psutil.process_iter(["name"]) if _is_step(process, log)]:
        family = [*steps, *(child for step in steps for child in _children(step))]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=5)


def _is_step(process: psutil.Process, log: Path) -> bool:
    try:
        if "slurmstepd" not in process.info["name"] or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return any(file.path == str(log) for file in process.open_files())
    except psutil.Error:
        return False


def _children(step: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return list(step.children(recursive=True))
    return []


def _kill_group(daemon: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(daemon.pid, signal.SIGKILL)
    daemon.wait()
