"""The sweeper, as the process that keeps the sweep's W&B run hears of it: by a pipe that ends with it."""

import json
import logging
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from ax_moo.system.records import from_record
from ax_moo.wandb.service import kill_service

KILLED = 137
"""The exit code of a process that was killed."""


@dataclass(frozen=True)
class End:
    """How the sweep has ended, and the seconds in which all has to be over. By itself: the sweeper was killed."""

    exit_code: int = KILLED
    is_preempted: bool = False
    is_hurried: bool = False
    seconds: float = 90.0


class ControllerPipe:
    """Takes over the standard streams, which wandb would read and write: its output goes to the log."""

    def __init__(self) -> None:
        self._asked: IO[str] = os.fdopen(os.dup(0))
        self._told: IO[str] = os.fdopen(os.dup(1), "w")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        self._has_ended = threading.Event()
        self.end = End()

    def options(self) -> dict[str, Any]:
        """The first line. From then on it is listened for the end."""
        found: dict[str, Any] = json.loads(self._asked.readline())
        threading.Thread(target=self._listen, daemon=True).start()
        return found

    @property
    def has_ended(self) -> bool:
        return self._has_ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether the sweep has ended, at once when it does."""
        return self._has_ended.wait(seconds)

    def tell(self, level: int, text: str) -> None:
        """Say it in the sweep's log, if there is still a sweeper, and in this process's own."""
        print(logging.getLevelName(level), text, file=sys.stderr, flush=True)
        with suppress(OSError, ValueError):
            print(json.dumps({"level": level, "text": text}), file=self._told, flush=True)

    def _listen(self) -> None:
        with suppress(OSError, ValueError, TypeError):
            self.end = from_record(End, json.loads(self._asked.readline()))
        threading.Thread(target=self._leave_in_time, daemon=True).start()
        self._has_ended.set()

    def _leave_in_time(self) -> None:
        """Nothing that wandb waits for keeps this process alive."""
        threading.Event().wait(self.end.seconds)
        print(f"not done after {self.end.seconds:g} s", file=sys.stderr, flush=True)
        kill_service()
        os._exit(1)
