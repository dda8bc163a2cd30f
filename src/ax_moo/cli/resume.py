"""``ax-moo resume``: runs the recorded command of a sweep again, in the same working directory."""

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ax_moo.cli.controller import queued_controller
from ax_moo.cli.folder import open_own_folder
from ax_moo.search_space.grammar import encode
from ax_moo.storage.folder import SweepFolder
from ax_moo.storage.trust import check_trusted
from ax_moo.sweep.settings import Resume
from ax_moo.system import strangers
from ax_moo.system.errors import ConfigError
from ax_moo.system.redaction import words_without_secrets
from ax_moo.system.terminal import say_as_error


def resume(folder: Path, is_trusted: bool = False) -> NoReturn:
    """Replace this process by the sweep's command, which then gets the signals and sets the exit code."""
    if is_trusted:
        strangers.trust(folder)
    check_trusted(folder, "ax-moo resume")
    sweep = open_own_folder(folder)
    if sweep.is_swept:
        raise ConfigError(
            f"the sweep in {sweep.path} runs already ({sweep.holder}); follow it with ax-moo status --watch"
        )
    controller = queued_controller(sweep.path)
    if controller is not None:
        raise ConfigError(f"Slurm job {controller.job_id} goes on with the sweep in {sweep.path} as soon as it runs")
    command, cwd = _recorded(sweep)
    check_trusted(folder, "ax-moo resume")  # again: the owner of a folder above may have put another in its place
    say_as_error(f"in {cwd}: {words_without_secrets(command)}")
    os.chdir(cwd)
    trusting = {strangers.TRUST: os.path.realpath(sweep.path)} if is_trusted else {}
    os.execvpe(command[0], command, {**os.environ, **trusting})


def sweep_dir_override(folder: Path) -> str:
    """The override that names the sweep's folder, whose name may hold the time of the sweep's start."""
    return f"hydra.sweep.dir={encode(str(folder))}"


def resume_override(how: Resume) -> str:
    """The override that lets a command go on in the folder, even one that has ``resume=never``."""
    return f"hydra.sweeper.resume={how}"


def check_runnable(command: Sequence[str], cwd: Path) -> None:
    """Check that the command's working directory and program exist, and the script where it runs one.

    Raises:
        ConfigError: one of them does not exist.
    """
    if not cwd.is_dir():
        raise ConfigError(
            f"the working directory {cwd} of the sweep's command does not exist; make it again, or run the command"
            " where it is now"
        )
    shown = words_without_secrets(command)
    program = cwd / command[0] if "/" in command[0] else command[0]
    if shutil.which(program) is None:
        raise ConfigError(
            f"the program {command[0]} of the sweep's command does not exist: {shown}; install it again, or run the"
            " command with another one"
        )
    script = next((word for word in command[1:] if not word.startswith("-")), "")
    if script.endswith(".py") and not (cwd / script).is_file():
        raise ConfigError(
            f"the script {cwd / script} of the sweep's command does not exist: {shown}; put it there again, or run the"
            " command where it is now"
        )


def _recorded(sweep: SweepFolder) -> tuple[list[str], Path]:
    command, cwd = sweep.about.get("command"), sweep.about.get("cwd")
    if not isinstance(command, str) or not isinstance(cwd, str):
        raise ConfigError(f"{sweep.path} has no record of the command that started its sweep; run that command again")
    words = shlex.split(command)
    check_runnable(words, Path(cwd))
    return [*words, sweep_dir_override(sweep.path), resume_override(Resume.REQUIRE)], Path(cwd)
