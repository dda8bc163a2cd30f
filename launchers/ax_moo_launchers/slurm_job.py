"""Asking Slurm: one of its commands, and what its controller says of one job, to the sweep and to the job itself."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

TIMEOUT_S = 30.0
_OUTPUT_SETTINGS = ("SACCT_", "SCANCEL_", "SQUEUE_", "SLURM_TIME_FORMAT")


def call(
    command: Sequence[str], timeout_s: float = TIMEOUT_S, environ: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Exit status, output and error output of one of Slurm's commands; -1 if it could not run or did not end.

    The command runs in its own session: Ctrl-C in the terminal must not end sbatch half way.
    """
    if environ is None:
        # A user's settings for the output of these commands would change what is parsed here.
        environ = {key: value for key, value in os.environ.items() if not key.startswith(_OUTPUT_SETTINGS)}
    options: dict[str, Any] = {"capture_output": True, "text": True, "start_new_session": True, "env": environ}
    try:
        done = subprocess.run(command, timeout=timeout_s, check=False, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        return -1, "", str(error)
    return done.returncode, done.stdout, done.stderr


def facts_of(job_id: str, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
    """What the controller knows of a job; empty if it does not answer, or does not know the job any more."""
    status, output, _ = call(["scontrol", "--oneliner", "--details", "show", "job", job_id], timeout_s)
    return dict(re.findall(r"(?:^|\s)(\w+)=(\S*)", output)) if status == 0 else {}


def has_to_make_room(facts: Mapping[str, str]) -> bool:
    """Whether the controller has told the job in its last life to make room for another one."""
    told, began = facts.get("PreemptTime", ""), facts.get("StartTime", "")
    return told[:1].isdigit() and told >= began


def seconds(time: str) -> float | None:
    """The seconds in Slurm's ``[[days-]hours:]minutes:seconds``."""
    match = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)", time)
    if match is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)
