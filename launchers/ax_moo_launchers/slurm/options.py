"""What a batch script may contain: settings become options of sbatch or lines of shell, and stay what they are.

sbatch reads the value of an option as a shell would, but takes a backslash for an escape also within single quotes.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import Rule, check, is_number, or_null
from ax_moo_launchers.params import SLURM, has_control_characters, is_line

OURS = {
    "array": "the launcher submits arrays itself; set hydra.launcher.array_parallelism",
    "cluster": "name the cluster in the environment variable SLURM_CLUSTERS, which all of Slurm's commands read",
    "clusters": "name the cluster in the environment variable SLURM_CLUSTERS, which all of Slurm's commands read",
    "error": "the launcher reads the job's logs; set hydra.launcher.submitit_folder",
    "job-name": "set hydra.launcher.name",
    "nodes": "set hydra.launcher.nodes",
    "ntasks": "the launcher must know the job's tasks; set hydra.launcher.tasks_per_node and hydra.launcher.nodes",
    "ntasks-per-gpu": "the launcher must know the job's tasks; set hydra.launcher.tasks_per_node",
    "ntasks-per-node": "set hydra.launcher.tasks_per_node",
    "open-mode": "the launcher keeps the log of a job that runs again",
    "output": "the launcher reads the job's logs; set hydra.launcher.submitit_folder",
    "parsable": "the launcher reads what sbatch prints",
    "quiet": "the launcher reads what sbatch prints",
    "signal": "set hydra.launcher.signal_delay_s, or SUBMITIT_PREEMPT_SIGNAL in the environment for another signal",
    "test-only": "no job would be submitted",
    "time": "set hydra.launcher.timeout_min",
    "wait": "the launcher does not wait for a job in sbatch",
    "wrap": "the launcher writes the batch script",
}
"""The options of sbatch that the launcher itself sets, or that would take the job from it; and what to do instead."""

ENVIRONMENT = tuple(f"SBATCH_{name}" for name in ("ARRAY_INX", "ERROR", "OPEN_MODE", "OUTPUT", "WAIT"))
"""The variables that would replace such an option of the script, and that no user means for these jobs."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VALUE = Rule(
    "text without line breaks or other control characters, a number, or true for an option without a value",
    lambda value: value is True or is_line(value) or is_number(value),
)


def check_options(params: Mapping[str, Any]) -> None:
    """Raise a ConfigError for a setting that cannot be part of a batch script."""
    _check_additional(params.get("additional_parameters") or {})
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
    done = subprocess.run(["bash", "-n"], input=os.fsencode(text), capture_output=True, check=False)
    said = os.fsdecode(done.stderr).strip().splitlines()
    if done.returncode != 0 or said:
        why = said[0].removeprefix("bash: ") if said else f"exit code {done.returncode}"
        raise ConfigError(f"{where}: bash cannot read these lines: {why}; got {text!r}")


def additional(given: Mapping[str, Any]) -> dict[str, Any]:
    """Submitit's ``additional_parameters``, by names with which they replace the launcher's own keys."""
    return {key.replace("-", "_"): value for key, value in given.items() if value is not None}


def chosen(params: Mapping[str, Any], key: str) -> str:
    """The text of a key of the launcher, which one of ``additional_parameters`` replaces."""
    return str(additional(params.get("additional_parameters") or {}).get(key, params.get(key)) or "")


def python_command(python: str) -> str:
    """``python`` as a command of the shell: the path of a file that can be run is quoted, a command line is not."""
    return shlex.quote(python) if os.path.isfile(python) and os.access(python, os.X_OK) else python


def with_escapes(script: str) -> str:
    """The script with each backslash in its options escaped: Submitit quotes them for a shell, not for sbatch."""
    options, setup, rest = script.partition("\n# setup\n")
    return options.replace("\\", "\\\\") + setup + rest


def _check_additional(given: Mapping[Any, Any]) -> None:
    where = "hydra.launcher.additional_parameters"
    for key, value in given.items():
        if not isinstance(key, str) or not _NAME.fullmatch(key):
            raise ConfigError(f"{where}: {key!r} is not the name of an option of sbatch, such as reservation")
        # sbatch takes the beginning of an option's name for the option.
        taken = [option for option in OURS if option.startswith(key.replace("_", "-"))]
        if taken:
            raise ConfigError(f"{where}.{key}: must not be set: {OURS[taken[0]]}")
        check(f"{where}.{key}", value, or_null(_VALUE))


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
