"""What the processes that a job forks or spawns do not take from it: handlers of signals, and a whole script."""

import os
import signal
from contextlib import suppress
from multiprocessing import spawn
from typing import Any


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


def leave_script_to_the_job() -> None:
    """Let the processes that multiprocessing spawns from now on not execute a script that has no guard.

    They would run the whole of it, with the call that runs the sweep. ``__main__`` keeps its file and its spec, by
    which Lightning starts ranks.
    """
    prepared = spawn.get_preparation_data

    def without_main(name: str) -> dict[str, Any]:
        return {key: value for key, value in prepared(name).items() if not key.startswith("init_main_from_")}

    spawn.get_preparation_data = without_main
