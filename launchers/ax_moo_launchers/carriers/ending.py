"""Ending a sweep's carriers, also from a process that submits nothing."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from ax_moo_launchers.carriers.tickets import Tickets, queues
from ax_moo_launchers.slurm.commands import cancel, cancel_waiting, jobs_with_logs_below


def living_carriers(folder: Path) -> set[str]:
    """The carriers of a queue, or of all queues below a folder, that Slurm knows and that have not ended."""
    return jobs_with_logs_below(folder) or set()


def end_carriers(base: Path, of: Sequence[Tickets] | None = None, at_once: bool = False) -> None:
    """Let the carriers of the sweep end that has the folders of its jobs in ``base``, or only those of these queues.

    Those that wait in Slurm's queue are cancelled. Those that run end by themselves, unless ``at_once``: the process of
    a trial may still be at work after its result was written, as when W&B's library uploads what it has.
    """
    ours = queues(base) if of is None else of
    for tickets in ours:
        with contextlib.suppress(OSError):
            tickets.end()
    left = sorted(carrier for tickets in ours for carrier in living_carriers(tickets.folder))
    if left:
        (cancel if at_once else cancel_waiting)(left)
