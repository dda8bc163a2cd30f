"""The process whose forks are the controllers of local jobs, and whose forks' forks are their tasks.

It is run as ``python -P -u -m ax_moo_launchers.local.parent WISH`` by the process of the sweeper, with which it shares
two pipes. It ends when the other end is closed; its forks live on.
"""

import ctypes
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ax_moo_launchers.files import TASK, forget_earlier, process_file, read_json, submitted_file
from ax_moo_launchers.local.controller import CONTROLLER, Controller
from ax_moo_launchers.local.processes import Sight, sight_of, start_of
from ax_moo_launchers.search_path import SearchPath
from ax_moo_launchers.warm import checks, child
from ax_moo_launchers.warm.modules import Modules
from ax_moo_launchers.warm.preloaded import Forked, Preloaded
from ax_moo_launchers.warm.title import LEAST_BYTES, set_command_line

PARENT = "ax_moo_launchers.local.parent"
_MOST_STARTS = 5
_LOOK_S = 1.0
_PICKLE_S = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Wish:
    """What a parent is to be.

    Attributes:
        modules_file: the list of what to import.
        preload: more names.
        path: ``sys.path`` of the sweeper's process; ``library`` are those that belong to its Python.
        arguments: ``sys.argv`` of the sweeper's process.
        own_variables: those in which jobs differ.
        pipes: the numbers of the files to read requests from, and to write answers to.
        sweeper: pid and start of the process that it belongs to.
        left_out: modules that it must not import, and why.
        starts: how often it has begun.
    """

    modules_file: str
    preload: tuple[str, ...]
    path: tuple[str, ...]
    library: tuple[str, ...]
    arguments: tuple[str, ...]
    own_variables: tuple[str, ...]
    pipes: tuple[int, int]
    sweeper: tuple[int, str | None]
    left_out: dict[str, str]
    starts: int = 1

    def command(self) -> list[str]:
        """With room for the command line of any fork, which is written over it."""
        text = json.dumps(asdict(self)).ljust(LEAST_BYTES)
        return [sys.executable, "-P", "-u", "-m", PARENT, text]


class Parent:
    def __init__(self, wish: Wish, preloaded: Preloaded) -> None:
        self.wish = wish
        self.preloaded = preloaded
        self._forks: list[Forked] = []

    def serve(self) -> None:
        """Answer requests until nobody can send one any more."""
        for request in self._requests():
            why = self.preloaded.why_unfit()
            self._answer({"unfit": why} if why is not None else {"pid": self._start(**request)})

    def say_ready(self) -> None:
        loaded = self.preloaded
        about = {"left_out": loaded.modules.left_out, "missing": loaded.missing, "read": sorted(loaded.read)}
        why = checks.why_unfit()  # another parent would be no better
        self._answer({"unfit": why} if why is not None else {**about, "changed": dict(loaded.modules.changed)})

    def say_spoilt(self) -> None:
        name, why = list(self.preloaded.modules.left_out.items())[-1]
        self._answer({"unfit": f"each start of their parent process finds one more module to leave out ({name} {why})"})

    def keep_left_out(self) -> None:
        """Write down what this process has found in several starts, so that the next sweep's parent needs one."""
        modules, path = self.preloaded.modules, Path(self.wish.modules_file)
        known = Modules.read(path)
        found = {name: why for name, why in modules.left_out.items() if name in (*modules.before, *modules.after)}
        if known is not None and not found.keys() <= known.left_out.keys():
            replace(known, left_out={**known.left_out, **found}).write(path)

    def _answer(self, answer: dict[str, Any]) -> None:
        os.write(self.wish.pipes[1], json.dumps(answer).encode() + b"\n")

    def _requests(self) -> Iterator[dict[str, Any]]:
        read, received = self.wish.pipes[0], b""
        while True:
            if select.select([read], [], [], _LOOK_S)[0]:
                part = os.read(read, 1 << 16)
                if not part:
                    return
                *lines, received = (received + part).split(b"\n")
                yield from map(json.loads, lines)
            elif _has_ended(self.wish.sweeper):  # a process that it has forked holds the pipe
                return
            self._forks = [fork for fork in self._forks if fork.poll() is None]

    def _start(self, folder: str, limit: str, environ: dict[str, str]) -> int:
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            run = partial(self._control, folder, limit)
            fork = self.preloaded.fork(run, environ, (nothing, nothing, nothing), is_leader=True)
        finally:
            os.close(nothing)
        self._forks.append(fork)
        forget_earlier(Path(folder), str(fork.pid))  # before anybody writes the files of this one
        return fork.pid

    def _control(self, folder: str, limit: str) -> None:
        set_command_line(child.command_line(CONTROLLER, [folder, limit], ("-P",)))
        if _is_submitted(Path(folder), os.getpid()):
            start_task = partial(self._start_task, folder)
            Controller(Path(folder), float(limit) if limit else None, start_task).run()

    def _start_task(self, folder: str, environ: dict[str, str], out: int, err: int) -> Forked:
        return self.preloaded.start(TASK, [folder], environ, (0, out, err))


def _is_submitted(folder: Path, pid: int) -> bool:
    """Whether this process becomes a job: a fork is faster than the sweep's process, which may die, or find no room."""
    start, deadline = start_of(pid), time.monotonic() + _PICKLE_S
    while time.monotonic() < deadline:
        # An earlier job with this pid may have left a pickle, but not with this start.
        record = read_json(process_file(folder, str(pid))) or {}
        if record.get("start") == start and submitted_file(folder, str(pid)).exists():
            return True
        time.sleep(0.002)
    return False


def main() -> None:
    wish = Wish(**{key: _tuple(value) for key, value in json.loads(sys.argv[1]).items()})
    _end_with(wish.sweeper)
    # As in the task of a job that begins cold: its controller ignores Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    modules = Modules.read(Path(wish.modules_file)) or Modules()
    modules = replace(modules, left_out={**modules.left_out, **wish.left_out})
    path = SearchPath(wish.path, frozenset(wish.library))
    preloaded = Preloaded(modules, path, wish.arguments, wish.preload, wish.own_variables)
    if preloaded.is_spoilt and wish.starts < _MOST_STARTS:
        again = replace(wish, left_out=dict(preloaded.modules.left_out), starts=wish.starts + 1)
        os.execv(sys.executable, again.command())
    parent = Parent(wish, preloaded)
    with suppress(BrokenPipeError):
        if preloaded.is_spoilt:
            parent.say_spoilt()
        else:
            parent.say_ready()
            parent.keep_left_out()
            parent.serve()
    os._exit(0)


def _end_with(sweeper: tuple[int, str | None]) -> None:
    """Let the kernel kill this process when the sweeper's ends, also in the middle of an import that hangs."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if _has_ended(sweeper):  # before the kernel knew
        os._exit(0)


def _has_ended(process: tuple[int, str | None]) -> bool:
    return sight_of(*process) in (Sight.GONE, Sight.ZOMBIE)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
