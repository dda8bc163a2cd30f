"""How much of a Slurm job's time is left for trials."""

import math
import os
import time

from ax_moo_launchers.job.time_limit import WARNED_S
from ax_moo_launchers.slurm_job import facts_of, seconds

_ANSWER_S = 10.0
_LEAST_PAUSE_S, _MOST_PAUSE_S = 5.0, 300.0
"""Between two questions a tenth of the time left passes: many jobs must not keep the controller busy."""


class TimeLeft:
    """The seconds until Slurm warns this job of its time limit, which somebody may change meanwhile.

    While the controller does not answer, its last answer counts.
    """

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._warned_at = math.inf
        self._ask_at = -math.inf

    def __call__(self) -> float:
        now = time.monotonic()
        if now >= self._ask_at:
            is_known = self._ask(now)
            pause = min(_MOST_PAUSE_S, (self._warned_at - now) / 10) if is_known else 0.0
            self._ask_at = now + max(_LEAST_PAUSE_S, pause)
        return self._warned_at - now

    def _ask(self, now: float) -> bool:
        """Whether the controller has answered."""
        facts = facts_of(self._job_id, _ANSWER_S)
        ran, limit = seconds(facts.get("RunTime", "")), seconds(facts.get("TimeLimit", ""))
        if ran is not None:
            left = math.inf if limit is None else limit - ran - float(os.environ.get(WARNED_S, 0))
            self._warned_at = now + left
        return ran is not None
