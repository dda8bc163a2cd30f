"""wandb, and the service process behind it, so that they are quiet, and neither fail nor wait for ever."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from ax_moo.wandb.settings import Mode

log = logging.getLogger(__name__)

GRACE = 15.0
"""Seconds more than its own timeout that wandb gets before its service is taken for stuck."""

QUIET_AND_BOUNDED = {
    "finish_timeout_raises": True,
    # A process that is killed loses no more than this many seconds of its data on disk.
    "x_transaction_log_flush_interval": 2.0,
    # What the process says has a log of its own.
    "console": "off",
    "silent": True,
    # Git on a network file system can take very long.
    "disable_git": True,
    "disable_code": True,
    "save_code": False,
    # All runs of a sweep write to one folder, and would fight for "latest-run".
    "symlink": False,
    # A run that was left open in this process must not get the data of this one.
    "reinit": "finish_previous",
}

_OLD_MODES = {"run": Mode.ONLINE, "dryrun": Mode.OFFLINE}


def modes_to_try(mode: str) -> tuple[str, ...]:
    """W&B's modes, one after the other: a run that cannot start online is kept offline.

    With ``auto`` WANDB_MODE is the user's word; an empty one is none.
    """
    if mode == Mode.AUTO:
        mode = os.environ.get("WANDB_MODE") or Mode.ONLINE
    mode = _OLD_MODES.get(mode, mode)
    # As plain strings: they go to wandb.
    return (str(Mode.ONLINE), str(Mode.OFFLINE)) if mode == Mode.ONLINE else (str(mode),)


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
    watchdog = threading.Timer(seconds, kill_service)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def kill_service() -> None:
    """End the service of this process; there is none before wandb has started it."""
    for process in psutil.Process().children():
        with suppress(psutil.Error):  # it may have ended, or be hidden, since it was listed
            if process.name() == "wandb-core":
                process.kill()
