"""How a Slurm job ended in Slurm's words, and whose fault that is."""

import os
import re
from dataclasses import dataclass

from ax_moo.trial import Fault
from ax_moo_launchers.job.exit_codes import COULD_NOT_BE_REQUEUED, TIME_LIMIT

AT_START_S = 30.0
"""A job that ends without a result within this time has hardly begun: Python alone takes seconds to start."""

_ONE_NODE = re.compile(r"[^\s,\[\]()]+")
_CANCELLED_BY = re.compile(r"CANCELLED by (\d+)")
_FAULTS = {
    "PREEMPTED": Fault.PREEMPTED,
    "REVOKED": Fault.PREEMPTED,
    "NODE_FAIL": Fault.NODE_FAILED,
    "BOOT_FAIL": Fault.NODE_FAILED,
    "LAUNCH_FAILED": Fault.NODE_FAILED,
    "OUT_OF_MEMORY": Fault.OUT_OF_MEMORY,
    "TIMEOUT": Fault.TIME_LIMIT,
}


@dataclass(frozen=True)
class End:
    """The end of a job: Slurm's words for it, the job's nodes, and how long it ran, where that is known."""

    words: str
    nodes: str = ""
    seconds: float | None = None

    @property
    def node(self) -> str:
        """The node of a job that had one; of several nodes nobody says which one is to blame."""
        return self.nodes if _ONE_NODE.fullmatch(self.nodes) and self.nodes != "None" else ""

    @property
    def state(self) -> str:
        return re.split(r"[ ,]", self.words)[0]


def fault_of(end: End, note: str, was_preempted: bool) -> Fault | None:
    """Whose fault the end of a job without a result is; None where it may be anybody's.

    ``note`` is what the job itself has written about its end. ``was_preempted`` says that the controller has told the
    job to make room: Slurm calls it FAILED if it then ends by itself.
    """
    if note.startswith(TIME_LIMIT):
        return Fault.TIME_LIMIT
    if was_preempted or note.startswith(COULD_NOT_BE_REQUEUED):
        return Fault.PREEMPTED
    if end.state == "CANCELLED":
        return _of_cancelled(end)
    if end.state in ("FAILED", "COMPLETED") and not note and end.seconds is not None and end.seconds <= AT_START_S:
        return Fault.DIED_AT_START
    return _FAULTS.get(end.state)


def _of_cancelled(end: End) -> Fault | None:
    """Slurm itself cancels a job that cannot be started on its node, if it must not be requeued.

    Otherwise a job that was cancelled before it began, or by somebody else than the user, is nobody's fault.
    """
    if end.seconds == 0:
        return Fault.NODE_FAILED if end.node else Fault.PREEMPTED
    by = _CANCELLED_BY.match(end.words)
    return Fault.PREEMPTED if by is not None and int(by.group(1)) != os.getuid() else None
