"""What a batch script may contain: settings become options of sbatch or lines of shell, and stay what they are.

sbatch reads the value of an option as a shell would, but takes a backslash for an escape also within single quotes.
"""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import check, or_null
from ax_moo_launchers.params import SLURM, has_control_characters
from ax_moo_launchers.slurm.additional import check_additional

ENVIRONMENT = tuple(f"SBATCH_{name}" for name in ("ARRAY_INX", "ERROR", "OPEN_MODE", "OUTPUT", "WAIT"))
"""The variables that would replace options of the script, and that no user means for these jobs."""

# Of what the environment has, bash itself would say something (an unknown LC_ALL), or run it (BASH_ENV). An extended
# pattern is known only where the line that enables it has been executed.
_READS = ("bash", "-O", "extglob", "-n")
_ENVIRON = ("HOME", "PATH")


def check_options(params: Mapping[str, Any]) -> None:
    """Raise a ConfigError for a setting that cannot be part of a batch script."""
    check_additional(params.get("additional_parameters") or {}, params)
    _check_python(params.get("python"))
    check_setup("hydra.launcher.setup", params.get("setup") or [])


def check_resources(given: Mapping[str, tuple[str, Any]]) -> None:
    """Check a command's own options; each stands for a key of the launcher, with this value."""
    for option, (key, value) in given.items():
        check(option, value, or_null(SLURM[key]))
        if key == "setup":
            check_setup(option, value or [])


def check_path(where: str, base: Path) -> None:
    """Slurm takes a backslash in the path of a log for an order to leave its patterns as they are."""
    if has_control_characters(str(base)) or "\\" in str(base):
        raise ConfigError(
            f"{where}: must be a path without line breaks, other control characters and backslashes, which Slurm "
            f"cannot use, got {str(base)!r}; choose another sweep folder"
        )


def check_setup(where: str, lines: Sequence[str]) -> None:
    """Let bash read lines of shell, so that an open quote or block does not take in the lines after them."""
    if not lines:
        return
    text = "\n".join(lines)
    environ = {name: os.environ[name] for name in _ENVIRON if name in os.environ}
    done = subprocess.run(_READS, input=os.fsencode(text), capture_output=True, check=False, env=environ)
    said = os.fsdecode(done.stderr).strip().splitlines()
    if done.returncode != 0 or said:
        why = said[0].removeprefix("bash: ") if said else f"exit code {done.returncode}"
        raise ConfigError(f"{where}: bash cannot read these lines: {why}; got {text!r}")


def python_command(python: str) -> str:
    """``python`` as a command of the shell: the path of a file that can be run is quoted, a command line is not."""
    return shlex.quote(python) if os.path.isfile(python) and os.access(python, os.X_OK) else python


def with_escapes(script: str) -> str:
    """The script with each backslash in its options escaped: Submitit quotes them for a shell, not for sbatch."""
    options, setup, rest = script.partition("\n# setup\n")
    return options.replace("\\", "\\\\") + setup + rest


def _check_python(python: Any) -> None:
    try:
        is_command = python is None or bool(shlex.split(python_command(str(python))))
    except ValueError:  # an open quote
        is_command = False
    if not is_command:
        raise ConfigError(
            f"hydra.launcher.python: must be a command line of the shell, got {python!r}; quote what the shell must "
            "take as it is"
        )
