"""The end of wandb's session and service in this process: for the next trial in it, or where the service is stuck."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

log = logging.getLogger(__name__)

_SECONDS = 90.0


@contextmanager
def of_one_trial() -> Iterator[None]:
    """End, after the block, the session in which this process was a trial's run, with a run that was left open.

    wandb reads its environment once in a session, so that the next trial would be the same run.
    """
    try:
        yield
    except BaseException:
        _end_session(exit_code=1)
        raise
    _end_session(exit_code=0)


def _end_session(exit_code: int) -> None:
    wandb: Any = sys.modules.get("wandb")
    if not hasattr(wandb, "teardown"):  # a folder of this name, or another thread has not imported all of it yet
        return
    try:
        with service_killed_after(_SECONDS):
            if wandb.run is not None:
                wandb.finish(exit_code=exit_code)
            wandb.teardown()
    # wandb.teardown calls sys.exit where the service ended with an error.
    except (Exception, SystemExit) as error:
        log.warning("W&B: the run of this trial did not end properly: %r", error)


@contextmanager
def service_killed_after(seconds: float) -> Iterator[None]:
    """A context that kills the service after a time limit: wandb then raises instead of waiting without limit."""
    watchdog = threading.Timer(seconds, kill_service)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def kill_service() -> None:
    """Kill the service of this process, if wandb has started one."""
    for process in psutil.Process().children():
        with suppress(psutil.Error):  # the process may have ended since it was listed
            if process.name() == "wandb-core":
                process.kill()
