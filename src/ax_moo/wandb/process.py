"""The sweep's W&B run as the sweeper sees it: a process that reads the journal, and that nobody waits for."""

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
from ax_moo.system.terminal import say
from ax_moo.wandb.service import GRACE, modes_to_try
from ax_moo.wandb.settings import Mode, WandbSettings, sweep_run_id

INIT_SECONDS = 30.0
FINISH_SECONDS = 60.0
INSTALL = "pip install 'hydra-ax-moo[wandb]'"


@dataclass(frozen=True)
class RunOptions:
    """Plain values, as JSON holds them. ``about`` is for those who read the run's config."""

    folder: str
    id: str
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
        """What the sweeper's config leaves open is as the application's logger has it; names are as the trials'."""
        application = settings.application
        name = application.sweep_name or folder.name
        return cls(
            folder=str(folder),
            id=sweep_run_id(name, folder),
            name=name,
            group=settings.group or application.group or name,
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
    """Whether what the sweep was asked for by name can be had.

    Raises:
        ConfigError: wandb is not installed.
    """
    if settings.enabled and not is_installed():
        raise ConfigError(
            f"hydra.sweeper.wandb.enabled: is true, and W&B is not installed here; {INSTALL}, or set it to false"
        )


def is_installed() -> bool:
    """Not by importing it, which takes a second, nor by finding it: W&B's own data folder has the same name."""
    try:
        version("wandb")
    except PackageNotFoundError:
        return False
    return True


log = logging.getLogger(__name__)

LOG_FILE = "sweep.log"
CLOSING_SECONDS = 60.0
"""What the tags and the open runs of the trials may take once the sweep's own run has ended."""

HURRIED_SECONDS = 10.0
"""Who interrupts a sweep wants it to go away, and a batch system kills what does not."""

QUIET_SECONDS = 2.0
LAST_SECONDS = 3.0
"""The process ends itself when its time is up; it is killed when it has not done so by then."""


def sweep_in_wandb(settings: WandbSettings, folder: Path, about: Mapping[str, Any]) -> "SweepInWandb | None":
    """The sweep's run, started; None where the sweep is not in W&B. Nothing that goes wrong with it raises."""
    if not settings.is_on:
        return None
    options = RunOptions.of(settings, folder, about)
    if modes_to_try(options.mode) == (Mode.DISABLED,):
        return None
    if not is_installed():
        log.warning("W&B: it is not installed; the sweep goes on without a run of its own. %s", INSTALL)
        return None
    try:
        return SweepInWandb(options)
    except (OSError, ValueError, TypeError) as error:
        log.warning("W&B: the sweep goes on without a run of its own: %s", error)
        return None


class SweepInWandb:
    """What W&B says arrives in the sweep's log; the process's own output is in ``wandb/sweep.log``."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._is_ending = False
        told = json.dumps(options.to_dict(), default=str)
        self._log_file = Path(options.folder) / "wandb" / LOG_FILE
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with open(self._log_file, "ab") as output:
            self._process = subprocess.Popen(
                # -P: the folder in which the sweep was started may hold modules that are named like ours.
                [sys.executable, "-P", "-m", "ax_moo.wandb.run"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                # No signal to this process's terminal reaches it.
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._listen, name="wandb", daemon=True)
        self._reader.start()
        self._say(told)

    def end(self, exit_code: int, is_hurried: bool = False, is_preempted: bool = False) -> None:
        """Have the run ended, and wait for that for a limited time; Ctrl-C ends the waiting.

        ``is_hurried``: what is not uploaded in a few seconds is left to a later life of the sweep.
        """
        if self._process.poll() is not None:
            return  # it has given up, and has said so
        self._is_ending = True
        options = self._options
        seconds = HURRIED_SECONDS
        if not is_hurried:
            seconds = options.init_timeout + options.finish_timeout + GRACE + CLOSING_SECONDS
        last = {"exit_code": exit_code, "is_preempted": is_preempted, "is_hurried": is_hurried, "seconds": seconds}
        self._say(json.dumps(last))
        try:
            with signals.sigterm_as_ctrl_c():
                self._wait(seconds)
        except KeyboardInterrupt:
            self._kill("not waited for any longer")
        self._reader.join(QUIET_SECONDS)

    def _wait(self, seconds: float) -> None:
        try:
            code = self._process.wait(QUIET_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):  # the terminal may be gone
                say(f"W&B gets up to {seconds:.0f} s for the last of the sweep (Ctrl-C: do not wait)")
            try:
                code = self._process.wait(seconds + LAST_SECONDS - QUIET_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill("it did not come to an end")
                return
        if code > 0:
            log.warning("W&B: the sweep's run was not ended as it should be; see %s", self._log_file)

    def _kill(self, why: str) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        folder = self._options.folder
        log.warning("W&B: %s; what it has not taken is on disk, for ax-moo wandb sync %s", why, folder)

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(line, file=self._process.stdin, flush=True)

    def _listen(self) -> None:
        """Pass on what the process says, until it ends."""
        stream = self._process.stdout
        for line in stream or ():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                said = json.loads(line)
                log.log(int(said["level"]), "W&B: %s", said["text"])
        code = self._process.wait()
        if code and not self._is_ending:
            log.warning(
                "W&B: the process that keeps the sweep's run has ended (%d); the sweep goes on without it. See %s",
                code,
                self._log_file,
            )
