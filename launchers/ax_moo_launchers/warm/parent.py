"""The program of a parent process: it imports what trials import, and answers each request with a fork.

A module that says what the forks are runs it, as ``python -P -u -m MODULE WISH``. It shares two pipes with the process
that has started it, its owner, and ends when the other end is closed or the owner has ended; its forks live on.
"""

import json
import os
import select
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, Protocol

from ax_moo.system.signals import be_killed_after_parent
from ax_moo_launchers.warm import checks
from ax_moo_launchers.warm.modules import Modules
from ax_moo_launchers.warm.preloaded import Preloaded
from ax_moo_launchers.warm.wish import Wish

_MOST_STARTS = 6
_LOOK_S = 1.0


class Forks(Protocol):
    """What the forks of a parent are."""

    @property
    def start(self) -> Callable[..., int | str]:
        """Returns the pid of the process that a request asks for, or in words why there is none."""

    def look(self) -> None:
        """Take note of those that have ended; it is called now and then."""


class Parent:
    def __init__(self, wish: Wish, preloaded: Preloaded, forks: Forks) -> None:
        self.wish = wish
        self.preloaded = preloaded
        self._forks = forks

    def serve(self) -> None:
        """Answer requests until nobody can send one any more."""
        for request in self._requests():
            found = self.preloaded.why_unfit() or self._forks.start(**request)
            self._answer({"unfit": found} if isinstance(found, str) else {"pid": found})

    def say_ready(self) -> None:
        loaded = self.preloaded
        about = {"left_out": loaded.modules.left_out, "missing": loaded.missing, "read": sorted(loaded.read)}
        why = checks.why_unfit()  # another parent would be no better
        self._answer({"unfit": why} if why is not None else {**about, "changed": dict(loaded.modules.changed)})

    def say_spoilt(self) -> None:
        name, why = list(self.preloaded.modules.left_out.items())[-1]
        self._answer({"unfit": f"each start of their parent process finds one more module to leave out ({name} {why})"})

    def keep_left_out(self) -> None:
        """Write down what this process has found in several starts, so that the next parent needs one."""
        modules, path = self.preloaded.modules, Path(self.wish.modules_file)
        known = Modules.read(path)
        found = {name: why for name, why in modules.left_out.items() if name in (*modules.before, *modules.after)}
        if known is not None and not found.keys() <= known.left_out.keys():
            replace(known, left_out={**known.left_out, **found}).write(path)

    def _answer(self, answer: Mapping[str, Any]) -> None:
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
            elif _has_ended(self.wish.owner):  # a process that it has forked holds the pipe
                return
            self._forks.look()


def run(text: str, forks_of: Callable[[Preloaded], Forks]) -> NoReturn:
    """Be the parent that the text of a wish asks for."""
    wish = Wish.of(text)
    _end_with(wish.owner)
    modules = Modules.read(Path(wish.modules_file)) or Modules()
    modules = replace(modules, left_out={**modules.left_out, **wish.left_out})
    program = wish.program
    preloaded = Preloaded(modules, program.search_path, program.arguments, program.preload, wish.own_variables)
    if preloaded.is_spoilt and wish.starts < _MOST_STARTS:
        os.execv(sys.executable, wish.again(preloaded.modules.left_out).command())
    parent = Parent(wish, preloaded, forks_of(preloaded))
    with suppress(BrokenPipeError):
        if preloaded.is_spoilt:
            parent.say_spoilt()
        else:
            parent.say_ready()
            parent.keep_left_out()
            parent.serve()
    os._exit(0)


def _end_with(owner: int) -> None:
    """Let the kernel kill this process when its owner ends, also in the middle of an import that hangs."""
    be_killed_after_parent()
    if _has_ended(owner):  # before the kernel knew
        os._exit(0)


def _has_ended(owner: int) -> bool:
    return os.getppid() != owner
