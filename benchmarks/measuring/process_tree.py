"""Running a command, with its wall clock and the CPU time of all processes that come from it.

Jobs lead sessions of their own, and some outlive their parent. The benchmark adopts these (it is their "subreaper"), so
that their CPU time reaches it: ``getrusage`` for those that have ended, ``/proc`` for those that run.
"""

import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.1
PATIENCE_SECONDS = 30.0


class CommandFailed(Exception):
    """The command has ended with another code than 0; the message has the end of what it said."""


@dataclass
class Run:
    """A command that has ended; ``samples`` are times with the CPU seconds that the tree had used by then."""

    began: float
    ended: float = 0.0
    cpu: float = 0.0
    samples: list[tuple[float, float]] = field(default_factory=list)

    @property
    def wall(self) -> float:
        return self.ended - self.began

    def cpu_until(self, when: float) -> float:
        """The CPU seconds of the tree at a time, interpolated between two samples."""
        after = bisect_left(self.samples, (when, 0.0))
        if after in (0, len(self.samples)):
            return self.samples[min(after, len(self.samples) - 1)][1]
        (early, low), (late, high) = self.samples[after - 1 : after + 1]
        return low + (high - low) * (when - early) / (late - early)


def run(
    command: Sequence[str], cwd: Path, log: Path, environ: Mapping[str, str] | None = None, samples: bool = False
) -> Run:
    """Run a command to the end of the last process that comes from it; ``samples`` costs some percent of a core.

    Raises:
        CommandFailed: its exit code is not 0.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = _of_ended()
    with open(log, "wb") as output:
        measured = Run(time.time())
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        with _Sampler(measured, before) if samples else nullcontext():
            code = process.wait()
            measured.ended = time.time()
            _reap_all()
    measured.cpu = _of_ended() - before
    if code != 0:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise CommandFailed(f"{' '.join(command)} ended with {code}:\n{end}")
    return measured


def _reap_all() -> None:
    """Wait for the processes that have outlived the command."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            time.sleep(0.05)
    print(f"{len(_descendants())} processes outlive the command: their CPU time is missing", file=sys.stderr)


class _Sampler:
    def __init__(self, measured: Run, before: float) -> None:
        self._measured, self._before = measured, before
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        most = 0.0
        while not self._over.wait(SAMPLE_SECONDS):
            # A process that ends between two looks is missed once, and counted again at the next look.
            most = max(most, _of_ended() - self._before + sum(_descendants().values()))
            self._measured.samples.append((time.time(), most))


def _of_ended() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _descendants() -> dict[int, float]:
    """The CPU seconds of each process that comes from this one, with those of its children that have ended."""
    parents, seconds = {}, {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
                seconds[int(entry.name)] = sum(map(int, fields[11:15])) / TICKS
    return {pid: seconds[pid] for pid in parents if _comes_from_here(pid, parents)}


def _comes_from_here(pid: int, parents: Mapping[int, int]) -> bool:
    while pid := parents.get(pid, 0):
        if pid == os.getpid():
            return True
    return False
