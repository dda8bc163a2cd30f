"""An end to wandb's service process that neither fails nor waits for ever."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

log = logging.getLogger(__name__)


def tear_down(wandb: Any, seconds: float) -> None:
    """End the service: nothing can be started through one that has failed."""
    try:
        with service_killed_after(seconds):
            wandb.teardown()
    # wandb.teardown leaves by sys.exit where the service did not end well.
    except (Exception, SystemExit) as error:
        log.debug("W&B's service ended with %r", error)


@contextmanager
def service_killed_after(seconds: float) -> Iterator[None]:
    """wandb waits without limit for answers of a service that hangs; killing it turns the wait into an error."""
    watchdog = threading.Timer(seconds, _kill_service)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _kill_service() -> None:
    for process in psutil.Process().children():
        if process.name() == "wandb-core":
            process.kill()


def one_line(error: BaseException) -> str:
    message = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
