"""What a job's forked processes do with the signals that are meant for the job."""

import os
import signal
from contextlib import suppress


def leave_signals_to_the_job(terminate: int, warning: int) -> None:
    """Let the processes that this one forks from now on forget its handlers of these signals.

    A worker of ``multiprocessing.Pool`` with Submitit's handler would survive SIGTERM, with which its pool ends it, and
    would requeue the job at the warning, which Slurm sends to all processes. Handlers of the application stay.
    """
    ours = {number: signal.getsignal(number) for number in (terminate, warning)}
    become = {terminate: signal.SIG_DFL, warning: signal.SIG_IGN}

    def forget() -> None:
        for number, handler in ours.items():
            if signal.getsignal(number) == handler:
                with suppress(ValueError):  # not in the main thread
                    signal.signal(number, become[number])

    os.register_at_fork(after_in_child=forget)
