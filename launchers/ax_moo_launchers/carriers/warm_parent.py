"""The process in a Slurm job that has imported what trials import, and of which later trials of the job are forks.

It is run as ``python -P -u -m ax_moo_launchers.carriers.warm_parent ORDER``. A trial's process becomes a child of the
carrier, as that of a cold trial is: it is the fork of a fork, and the one between them ends at once.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ax_moo_launchers.files import TASK
from ax_moo_launchers.job.carried import CARRIED, CARRIER_PID, MODULES
from ax_moo_launchers.search_path import SearchPath
from ax_moo_launchers.warm.modules import Modules
from ax_moo_launchers.warm.preloaded import Preloaded

PARENT = "ax_moo_launchers.carriers.warm_parent"
_MOST_STARTS = 6
_SHORT_S = 0.001


@dataclass(frozen=True)
class Order:
    """What the parent is to be; ``pipes`` are those of requests and of answers."""

    modules_file: str
    path: tuple[str, ...]
    library: tuple[str, ...]
    arguments: tuple[str, ...]
    pipes: tuple[int, int]
    left_out: Mapping[str, str]
    starts: int = 1

    def command(self) -> list[str]:
        return [sys.executable, "-P", "-u", "-m", PARENT, json.dumps(asdict(self))]

    @classmethod
    def of(cls, text: str) -> "Order":
        given: dict[str, Any] = json.loads(text)
        lists: dict[str, Any] = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
        return cls(**{**given, **lists})


class Parent:
    """Answers each request for a trial with the pid of its process, or with the reason why there is none."""

    def __init__(self, order: Order, preloaded: Preloaded) -> None:
        self.order = order
        self.preloaded = preloaded

    def serve(self) -> None:
        """Fork until the carrier has closed its end of the pipe."""
        for request in self._requests():
            why = self.preloaded.why_unfit()
            if why is None:
                self._fork(request)
            else:
                self.answer({"unfit": why})

    def answer(self, content: Mapping[str, Any]) -> None:
        os.write(self.order.pipes[1], json.dumps(content).encode() + b"\n")

    def _requests(self) -> Iterator[dict[str, Any]]:
        with open(self.order.pipes[0], "rb", closefd=False) as pipe:
            for line in pipe:
                yield json.loads(line)

    def _fork(self, request: Mapping[str, Any]) -> None:
        read, told = os.pipe()
        try:
            between = self.preloaded.fork(partial(self._start, told, **request), dict(os.environ))
            while (code := between.poll()) is None:
                time.sleep(_SHORT_S)
            # Not before now the trial's process is a child of the carrier.
            self.answer({"unfit": f"its forks end with exit code {code}"} if code else {"pid": int(os.read(read, 99))})
        finally:
            os.close(read)
            os.close(told)

    def _start(self, told: int, folder: str, out: str, err: str, environ: Mapping[str, str]) -> None:
        output, errors = (os.open(each, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666) for each in (out, err))
        trial = self.preloaded.start(TASK, [folder], environ, (0, output, errors), is_leader=True)
        os.write(told, str(trial.pid).encode())


def main() -> None:
    order = Order.of(sys.argv[1])
    modules = Modules.read(Path(order.modules_file)) or Modules()
    modules = replace(modules, left_out={**modules.left_out, **order.left_out})
    path = SearchPath(order.path, frozenset(order.library))
    own = (CARRIED, CARRIER_PID, MODULES, "SUBMITIT_FOLDER")
    preloaded = Preloaded(modules, path, order.arguments, own_variables=own)
    if preloaded.is_spoilt and order.starts < _MOST_STARTS:
        again = replace(order, left_out=dict(preloaded.modules.left_out), starts=order.starts + 1)
        os.execv(sys.executable, again.command())
    parent = Parent(order, preloaded)
    with suppress(BrokenPipeError):
        if preloaded.is_spoilt:
            parent.answer({"unfit": "each start of their parent process finds one more module to leave out"})
        else:
            parent.answer({"ready": True})
            parent.serve()
    os._exit(0)


if __name__ == "__main__":
    main()
