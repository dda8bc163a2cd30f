"""Settings and time limits for the wandb library and its service process, so that they never block a training."""

import logging
import os
from typing import Any

from ax_moo.jobs.wandb_session import service_killed_after
from ax_moo.wandb.settings import Mode

log = logging.getLogger(__name__)

GRACE = 15.0
"""Seconds beyond wandb's own timeout before its service counts as stuck."""

QUIET_AND_BOUNDED = {
    "finish_timeout_raises": True,
    # A killed process loses at most this many seconds of its data on disk.
    "x_transaction_log_flush_interval": 2.0,
    # The process's output has a log of its own.
    "console": "off",
    "silent": True,
    # Git on a network file system can take very long.
    "disable_git": True,
    "disable_code": True,
    "save_code": False,
    # All runs of a sweep write to one folder, where they would overwrite each other's link "latest-run".
    "symlink": False,
    # The data must not go to a run that was left open in this process.
    "reinit": "finish_previous",
}

_OLD_MODES = {"run": Mode.ONLINE, "dryrun": Mode.OFFLINE}


def modes_to_try(mode: str) -> tuple[str, ...]:
    """W&B's modes in the order to try them: a run that cannot start online is kept offline.

    ``auto`` stands for WANDB_MODE, or for online where the variable is empty or not set.
    """
    if mode == Mode.AUTO:
        mode = os.environ.get("WANDB_MODE") or Mode.ONLINE
    mode = _OLD_MODES.get(mode, mode)
    # wandb needs plain strings.
    return (str(Mode.ONLINE), str(Mode.OFFLINE)) if mode == Mode.ONLINE else (str(mode),)


def tear_down(wandb: Any, seconds: float) -> None:
    """End the service, because no run can be started through a service that has failed."""
    try:
        with service_killed_after(seconds):
            wandb.teardown()
    # wandb.teardown calls sys.exit where the service ended with an error.
    except (Exception, SystemExit) as error:
        log.debug("W&B's service ended with %r", error)
