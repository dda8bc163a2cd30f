"""A launcher as Hydra sets it up, and jobs of it, without a sweep around them."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ax_moo.jobs.launcher import JobHandle, JobRequest
from ax_moo.testing.launching import ENDED, open_launcher, wait_for, wait_until

__all__ = ["ENDED", "open_launcher", "raises_on_sigterm", "request", "submit", "wait_for", "wait_until"]


def request(trial: int, attempt: int = 1) -> JobRequest:
    return JobRequest(trial, (f"+trial={trial}",), attempt)


def submit(launcher: Any, *trials: int) -> list[JobHandle]:
    return list(launcher.submit([request(trial) for trial in trials]))


# A nested function, so that the job gets it by value and imports no test.
def raises_on_sigterm(folder: Path, error: type[BaseException] = ValueError) -> Callable[[Any], None]:
    """A task that raises when SIGTERM comes, as Lightning and an application with a handler of its own do."""

    def task(config: Any) -> None:
        before = signal.getsignal(signal.SIGTERM)

        def on_sigterm(number: int, frame: Any) -> None:
            if callable(before):
                before(number, frame)
            raise error("told to end")

        signal.signal(signal.SIGTERM, on_sigterm)
        (folder / "ready").write_text(str(os.getpid()))
        time.sleep(120)

    return task
