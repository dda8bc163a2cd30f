"""Why Slurm tells a job to end: its time is nearly over, or it has to make room for another one."""

import os
from typing import TYPE_CHECKING

from ax_moo_launchers.files import is_carried
from ax_moo_launchers.slurm_job import facts_of, has_to_make_room, seconds

if TYPE_CHECKING:
    from submitit.core.job_environment import JobEnvironment

WARNED_S = "AX_MOO_WARNED_S"
"""The variable of a Slurm job that says how long before its limit Slurm warns it; jobs of earlier versions lack it."""

_EARLY_S = 65.0
"""Slurm may send the signal a minute before that: https://slurm.schedmd.com/sbatch.html#OPT_signal"""

_ANSWER_S = 10.0


class _Latest:
    """What was found when the signal came last."""

    was_over = True


def was_over() -> bool:
    """Whether the job's time was over at the last signal."""
    return _Latest.was_over


def ask_slurm() -> None:
    """Let Submitit ask Slurm, in this process, whether a signal says that the job's time is over.

    By itself it takes every signal for that once the job has had all but ten minutes of the time that it asked for: a
    shorter job that has to make room would count as timed out, and one that asked for no limit never would.
    """
    from submitit.core.job_environment import SignalHandler

    guess = SignalHandler.has_timed_out

    def has_timed_out(handler: SignalHandler) -> bool:
        known = _is_over(_slurm_id(handler.env)) if handler.env.name() == "slurm" else None
        _Latest.was_over = guess(handler) if known is None else known
        return _Latest.was_over

    setattr(SignalHandler, guess.__name__, has_timed_out)


def _slurm_id(environment: "JobEnvironment") -> str:
    """The id of the Slurm job, also where a trial that shares it has an id of its own."""
    return str(environment.raw_job_id if is_carried(environment.job_id) else environment.job_id)


def _is_over(job_id: str) -> bool | None:
    """Whether the job's time is nearly over; None if that cannot be known."""
    warned_s = os.environ.get(WARNED_S)
    facts = facts_of(job_id, _ANSWER_S) if warned_s is not None else {}
    ran = seconds(facts.get("RunTime", ""))
    if warned_s is None or ran is None:
        return None
    limit = seconds(facts.get("TimeLimit", ""))  # none if it is unlimited
    return not has_to_make_room(facts) and limit is not None and limit - ran <= float(warned_s) + _EARLY_S
