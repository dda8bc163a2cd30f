"""How much of a Slurm job's time is left for trials."""

import math
import os
import time

from ax_moo_launchers.job.time_limit import WARNED_S
from ax_moo_launchers.slurm_job import facts_of, seconds

_ANSWER_S = 10.0
_ASK_AGAIN_S = 5.0


class TimeLeft:
    """The seconds until Slurm warns this job of its time limit, which somebody may change meanwhile.

    While the controller does not answer, its last answer counts.
    """

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._warned_at = math.inf
        self._asked_at = -math.inf

    def __call__(self) -> float:
        now = time.monotonic()
        if now - self._asked_at > _ASK_AGAIN_S:
            self._asked_at = now
            self._ask(now)
        return self._warned_at - now

    def _ask(self, now: float) -> None:
        facts = facts_of(self._job_id, _ANSWER_S)
        ran, limit = seconds(facts.get("RunTime", "")), seconds(facts.get("TimeLimit", ""))
        if ran is not None:
            left = math.inf if limit is None else limit - ran - float(os.environ.get(WARNED_S, 0))
            self._warned_at = now + left
