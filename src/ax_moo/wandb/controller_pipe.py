"""The pipe between the sweeper and the process that uploads the sweep's W&B run, as seen by the latter."""

import json
import logging
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from ax_moo.jobs.wandb_session import kill_service
from ax_moo.system.dataclass_records import from_record

KILLED = 137
"""The exit code of a process that was killed."""


@dataclass(frozen=True)
class End:
    """How the sweep ended, and the time limit for the rest. The defaults are for a sweeper that was killed.

    ``is_replaced`` says that another sweeper goes on with the sweep, and its process with the run.
    """

    exit_code: int = KILLED
    is_preempted: bool = False
    is_hurried: bool = False
    seconds: float = 90.0
    is_replaced: bool = False


class ControllerPipe:
    """Keeps the standard streams for the sweeper. wandb gets an empty input, and its output goes to the log."""

    def __init__(self) -> None:
        self._from_sweeper: IO[str] = os.fdopen(os.dup(0))
        self._to_sweeper: IO[str] = os.fdopen(os.dup(1), "w")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        self._has_ended = threading.Event()
        self.end = End()

    def options(self) -> dict[str, Any]:
        """Read the options in the first line, and start to listen for the end of the sweep."""
        found: dict[str, Any] = json.loads(self._from_sweeper.readline())
        threading.Thread(target=self._listen, daemon=True).start()
        return found

    @property
    def has_ended(self) -> bool:
        return self._has_ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the sweep; whether it has ended after so many seconds."""
        return self._has_ended.wait(seconds)

    def tell(self, level: int, text: str) -> None:
        """Write a message to the sweep's log, if the sweeper still runs, and to this process's own log."""
        print(logging.getLevelName(level), text, file=sys.stderr, flush=True)
        with suppress(OSError, ValueError):
            print(json.dumps({"level": level, "text": text}), file=self._to_sweeper, flush=True)

    def _listen(self) -> None:
        with suppress(OSError, ValueError, TypeError):
            self.end = from_record(End, json.loads(self._from_sweeper.readline()))
        if self.end.is_replaced:
            leave(0)  # wandb would end the run
        threading.Thread(target=self._leave_in_time, daemon=True).start()
        self._has_ended.set()

    def _leave_in_time(self) -> None:
        """End this process at the time limit, whatever wandb is waiting for."""
        threading.Event().wait(self.end.seconds)
        print(f"the upload did not end within {self.end.seconds:g} s", file=sys.stderr, flush=True)
        leave(1)


def leave(code: int) -> NoReturn:
    """End this process at once; the run stays as the server knows it."""
    kill_service()
    os._exit(code)
