"""What Slurm has told the job of a carrier, and what of it the trial that runs has to hear from the carrier."""

import functools
import re
import signal
from typing import Any

from ax_moo.system.signals import hold_back, warning_signal
from ax_moo_launchers.slurm_job import call

_ANSWER_S = 10.0
_TELLS_ALL = "proctrack/linuxproc"


class Signals:
    """SIGTERM, and the warning before a time limit or a preemption."""

    terminated = False

    @classmethod
    def listen(cls) -> None:
        def terminate(number: int, frame: Any) -> None:
            del number, frame
            cls.terminated = True

        signal.signal(signal.SIGTERM, terminate)
        hold_back(warning_signal())

    @classmethod
    def came(cls) -> set[int]:
        warned = {warning_signal()} & signal.sigpending()
        return {*warned, *([signal.SIGTERM] if cls.terminated else [])}

    @classmethod
    def to_pass_on(cls) -> set[int]:
        """The signals that have come, and that a trial does not get from Slurm itself.

        Where Slurm tracks processes by cgroups, it signals only those that it has started, and kills all of them:
        https://github.com/SchedMD/slurm, src/plugins/proctrack/cgroup/proctrack_cgroup.c, proctrack_p_signal.
        """
        came = cls.came()
        return came if came and not slurm_tells_all() else set()


@functools.cache
def slurm_tells_all() -> bool:
    """Whether Slurm sends its signals to every process of a job; a signal too many is better than none."""
    status, output, _ = call(["scontrol", "show", "config"], _ANSWER_S)
    found = re.search(r"^ProctrackType\s*=\s*(\S+)", output, re.MULTILINE) if status == 0 else None
    return found is not None and found[1] == _TELLS_ALL
