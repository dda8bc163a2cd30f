"""Starts and ends, from the sweeper, the process that uploads the sweep's W&B run while the sweep goes on."""

import contextlib
import dataclasses
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ax_moo.system import signals
from ax_moo.system.errors import ConfigError
from ax_moo.system.private_files import open_private
from ax_moo.system.terminal import say
from ax_moo.wandb.service import GRACE, modes_to_try
from ax_moo.wandb.settings import Mode, WandbSettings

INIT_SECONDS = 30.0
FINISH_SECONDS = 60.0
INSTALL = "pip install 'hydra-ax-moo[wandb]'"


@dataclass(frozen=True)
class RunOptions:
    """The options of that process, as values that JSON holds. ``about`` goes into the run's config."""

    folder: str
    name: str
    group: str
    project: str | None
    entity: str | None
    mode: str
    init_timeout: float
    finish_timeout: float
    settings: Mapping[str, Any]
    sweep: bool
    about: Mapping[str, Any]

    @classmethod
    def of(cls, settings: WandbSettings, folder: Path, about: Mapping[str, Any]) -> "RunOptions":
        """The sweeper's config, with the application's logger for what it leaves open, and names as in the trials."""
        application = settings.application
        name = application.sweep_name or folder.name
        return cls(
            folder=str(folder),
            name=name,
            group=settings.group or application.group or os.environ.get("WANDB_RUN_GROUP") or name,
            project=settings.project or application.project,
            entity=settings.entity or application.entity,
            mode=application.mode or Mode.AUTO if settings.mode is Mode.AUTO else settings.mode,
            init_timeout=application.init_timeout or INIT_SECONDS,
            finish_timeout=application.finish_timeout or FINISH_SECONDS,
            settings=dict(application.settings),
            sweep=settings.sweep,
            about=dict(about),
        )

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def check_installed(settings: WandbSettings) -> None:
    """Check that wandb is installed where the config enables it by name.

    Raises:
        ConfigError: wandb is not installed.
    """
    if settings.enabled and not is_installed():
        raise ConfigError(
            f"hydra.sweeper.wandb.enabled: true needs wandb, which is not installed; {INSTALL}, or set enabled to false"
        )


def is_installed() -> bool:
    """Whether the package wandb is installed.

    Importing it would take a second, and finding a module of this name could find W&B's data folder instead.
    """
    try:
        version("wandb")
    except PackageNotFoundError:
        return False
    return True


log = logging.getLogger(__name__)

LOG_FILE = "sweep.log"
CLOSING_SECONDS = 60.0
"""The limit for tagging and closing the trials' runs once the sweep's own run has ended."""

HURRIED_SECONDS = 10.0
"""The limit after an interruption: the user does not want to wait, and a batch system kills a process that stays."""

QUIET_SECONDS = 2.0
LAST_SECONDS = 3.0
"""The process ends itself when its time is up; it is killed if it still runs this many seconds later."""


def sweep_in_wandb(settings: WandbSettings, folder: Path, about: Mapping[str, Any]) -> "SweepInWandb | None":
    """Start the sweep's run; None where the sweep has none in W&B. An error of W&B is logged and not raised."""
    if not settings.is_on:
        return None
    options = RunOptions.of(settings, folder, about)
    if modes_to_try(options.mode) == (Mode.DISABLED,):
        return None
    if not is_installed():
        log.warning("W&B: wandb is not installed; the sweep goes on without a run of its own. %s", INSTALL)
        return None
    try:
        return SweepInWandb(options)
    except (OSError, ValueError, TypeError) as error:
        log.warning("W&B: the sweep goes on without a run of its own: %s", error)
        return None


class SweepInWandb:
    """The process of the sweep's run. Its messages go to the sweep's log, its output to ``wandb/sweep.log``."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._is_ending = False
        first_line = json.dumps(options.to_dict(), default=str)
        self._log_file = Path(options.folder) / "wandb" / LOG_FILE
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with open(self._log_file, "ab", opener=open_private) as output:
            self._process = subprocess.Popen(
                # -P keeps modules in the current folder from hiding ours of the same name.
                [sys.executable, "-P", "-m", "ax_moo.wandb.run"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                # A signal from the terminal must not reach the process.
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._listen, name="wandb", daemon=True)
        self._reader.start()
        self._send(first_line)

    def end(self, exit_code: int, is_hurried: bool = False, is_preempted: bool = False) -> None:
        """End the run, and wait for it for a limited time; Ctrl-C ends the wait.

        With ``is_hurried`` the limit is a few seconds, and a later run of the sweep uploads the rest.
        """
        if self._process.poll() is not None:
            return  # the process has given up, and has logged why
        self._is_ending = True
        options = self._options
        seconds = HURRIED_SECONDS
        if not is_hurried:
            seconds = options.init_timeout + options.finish_timeout + GRACE + CLOSING_SECONDS
        last = {"exit_code": exit_code, "is_preempted": is_preempted, "is_hurried": is_hurried, "seconds": seconds}
        self._send(json.dumps(last))
        try:
            with signals.sigterm_as_ctrl_c():
                self._wait(seconds)
        except KeyboardInterrupt:
            self._kill("the wait was interrupted")
        self._reader.join(QUIET_SECONDS)

    def leave(self) -> None:
        """Leave the run as it is: another sweeper has taken over, and a process of its own goes on with the run."""
        self._is_ending = True
        self._send(json.dumps({"is_replaced": True}))
        try:
            self._process.wait(LAST_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self, seconds: float) -> None:
        try:
            code = self._process.wait(QUIET_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):  # the terminal may be gone
                say(f"waiting up to {seconds:.0f} s for W&B to take the rest of the sweep (Ctrl-C ends the wait)")
            try:
                code = self._process.wait(seconds + LAST_SECONDS - QUIET_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill("the sweep's run did not end in time")
                return
        if code > 0:
            log.warning("W&B: the sweep's run did not end properly; see %s", self._log_file)

    def _kill(self, why: str) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        folder = self._options.folder
        log.warning("W&B: %s; the rest of its data is on disk, upload it with: ax-moo wandb sync %s", why, folder)

    def _send(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(line, file=self._process.stdin, flush=True)

    def _listen(self) -> None:
        """Pass the process's messages to the sweep's log until it ends."""
        stream = self._process.stdout
        for line in stream or ():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                message = json.loads(line)
                log.log(int(message["level"]), "W&B: %s", message["text"])
        code = self._process.wait()
        if code and not self._is_ending:
            log.warning(
                "W&B: the process of the sweep's run ended with code %d; the sweep goes on without it. See %s",
                code,
                self._log_file,
            )
