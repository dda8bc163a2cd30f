"""``ax-moo resume``: the recorded command once more."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ax_moo.cli.controller import queued_controller
from ax_moo.cli.folder import open_own_folder
from ax_moo.search_space.grammar import encode
from ax_moo.storage.folder import SweepFolder
from ax_moo.sweep.settings import Resume
from ax_moo.system.errors import ConfigError


def resume(folder: Path) -> NoReturn:
    """Become the sweep's command, so that signals reach it and its exit code is ours."""
    sweep = open_own_folder(folder)
    if sweep.is_swept:
        raise ConfigError(f"the sweep in {sweep.path} runs already ({sweep.holder})")
    controller = queued_controller(sweep.path)
    if controller is not None:
        raise ConfigError(f"Slurm job {controller.job_id} goes on with the sweep in {sweep.path} as soon as it runs")
    command, cwd = _recorded(sweep)
    print(f"in {cwd}: {shlex.join(command)}", file=sys.stderr, flush=True)
    os.chdir(cwd)
    os.execvpe(command[0], command, os.environ)


def sweep_dir_override(folder: Path) -> str:
    """So that a folder whose name holds the time of the start is found again."""
    return f"hydra.sweep.dir={encode(str(folder))}"


def resume_override(how: Resume) -> str:
    """The command of a sweep that was to begin in an unused folder has to be able to go on there."""
    return f"hydra.sweeper.resume={how}"


def check_runnable(command: Sequence[str], cwd: Path) -> None:
    """Whether the working directory, the program, and the script of an interpreter's command are there."""
    if not cwd.is_dir():
        raise ConfigError(f"the working directory {cwd} of the sweep's command is not there")
    program = cwd / command[0] if "/" in command[0] else command[0]
    if shutil.which(program) is None:
        raise ConfigError(f"the program {command[0]} of the sweep's command is not there: {shlex.join(command)}")
    script = next((word for word in command[1:] if not word.startswith("-")), "")
    if script.endswith(".py") and not (cwd / script).is_file():
        raise ConfigError(f"the script {cwd / script} of the sweep's command is not there: {shlex.join(command)}")


def _recorded(sweep: SweepFolder) -> tuple[list[str], Path]:
    command, cwd = sweep.about.get("command"), sweep.about.get("cwd")
    if not isinstance(command, str) or not isinstance(cwd, str):
        raise ConfigError(f"{sweep.path} does not say by which command its sweep was started; run that command again")
    words = shlex.split(command)
    check_runnable(words, Path(cwd))
    return [*words, sweep_dir_override(sweep.path), resume_override(Resume.REQUIRE)], Path(cwd)
