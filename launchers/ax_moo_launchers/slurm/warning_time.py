"""When Slurm warns a job that its time limit is near."""

import os
import re
from collections.abc import Mapping
from typing import Any

from ax_moo_launchers.slurm.additional import additional

_EARLY_S = 60
_LEAST_S = 10
_SUBMITITS_S = 90
_SLURMS_S = 60


def with_signal_delay(params: Mapping[str, Any]) -> dict[str, Any]:
    """The params of a job, whose warning comes after the middle of its time.

    Slurm may send the signal up to a minute before the moment that ``--signal`` asks for, and sends it at once if that
    moment is over: a job of two minutes with the default of 120 s would be told to end in the moment in which it
    begins. A delay of 0, no warning, stays 0. https://slurm.schedmd.com/sbatch.html#OPT_signal
    """
    delay, limit_min = params.get("signal_delay_s"), params.get("timeout_min")
    if not delay or limit_min is None:
        return dict(params)
    most = max(int(60 * limit_min - _EARLY_S) // 2, _LEAST_S)
    return {**params, "signal_delay_s": min(int(delay), most)}


def warned_s(params: Mapping[str, Any]) -> int:
    """How long before its limit Slurm warns a job: as a variable or an option of the user's says, else we."""
    ours = f"@{params.get('signal_delay_s', _SUBMITITS_S)}"
    match = re.search(r"@(\d+)", str(os.environ.get("SBATCH_SIGNAL") or additional(params).get("signal") or ours))
    return int(match.group(1)) if match else _SLURMS_S
