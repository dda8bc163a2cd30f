"""The carriers of a sweep: Slurm jobs that take its trials, as many as there are trials to run."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from ax_moo_launchers.carriers.ending import living_carriers
from ax_moo_launchers.carriers.handle import CarriedHandle
from ax_moo_launchers.carriers.tickets import Tickets, refresh
from ax_moo_launchers.handle import LATE_RESULT_S
from ax_moo_launchers.slurm.sbatch import Refused
from ax_moo_launchers.slurm.watcher import Phase, SlurmWatcher

log = logging.getLogger(__name__)

_LOOK_S = 2.0
_AFTER_REFUSAL_S = 10.0

Submit = Callable[[Path, int], list[str]]
"""Submits so many carriers for the queue in this folder, and returns their ids."""


class Fleet:
    """Knows the unfinished trials of each queue, and its carriers, also those that an earlier process submitted."""

    def __init__(self, watcher: SlurmWatcher, submit: Submit) -> None:
        self._watcher = watcher
        self._submit = submit
        self._trials: dict[Path, list[CarriedHandle]] = {}
        self._carriers: dict[Path, set[str]] = {}
        self._not_before: dict[Path, float] = {}
        self._said = ""

    @property
    def queues(self) -> set[Path]:
        return {*self._trials, *self._carriers}

    def add(self, handle: CarriedHandle) -> None:
        """Care for a trial: while it waits, there will be a carrier for it."""
        tickets = handle.tickets
        self._trials.setdefault(tickets.folder, []).append(handle)
        handle.ask_through(self._watcher, lambda: self._look_after(tickets))

    def cover(self, tickets: Tickets, more: int = 0) -> None:
        """Submit carriers, so that there is one for each unfinished trial of the queue and for ``more``.

        Raises:
            Refused: Slurm does not take them.
        """
        tickets.go_on()
        living = self._living(tickets)
        trials = [each for each in self._trials.get(tickets.folder, []) if not each.is_over()]
        self._trials[tickets.folder] = trials
        missing = len(trials) + more - _n_useful(tickets, trials, living)
        if missing > 0:
            try:
                submitted = self._submit(tickets.folder, missing)
            except Refused:
                self._carriers.pop(tickets.folder, None)  # it may have taken them, and the answer is lost
                raise
            self._carriers[tickets.folder] |= set(submitted)
            for carrier in submitted:
                self._watcher.watch(carrier)

    def forget_carriers(self) -> None:
        """Look for the carriers anew: those that wait were cancelled, and no trial is lost with them."""
        self._carriers.clear()

    def _living(self, tickets: Tickets) -> set[str]:
        folder = tickets.folder
        if folder not in self._carriers:
            self._carriers[folder] = living_carriers(folder)
            for carrier in self._carriers[folder]:
                self._watcher.watch(carrier)
        for carrier in sorted(self._carriers[folder]):
            if self._watcher.verdict(carrier).phase is Phase.ENDED and self._is_done_with(carrier, tickets):
                self._watcher.forget(carrier)
                self._carriers[folder].discard(carrier)
        return self._carriers[folder]

    def _is_done_with(self, carrier: str, tickets: Tickets) -> bool:
        """Whether nothing more is to be expected of a carrier that has ended.

        Where it died before it took a trial, as on a node without the user's Python, one of those that wait is lost as
        in a job of its own: else one such job after the other would be submitted without end.
        """
        refresh(tickets.folder)
        if tickets.is_closed(carrier) or tickets.taken_by(carrier):
            return True
        verdict = self._watcher.verdict(carrier)
        if verdict.ended_well and tickets.has_begun(carrier):
            return True
        if verdict.ended_well and time.monotonic() - verdict.since < LATE_RESULT_S:
            return False  # a network file system may show its folder late
        trials = sorted(self._trials.get(tickets.folder, []), key=lambda each: each.ticket.trial)
        any(each.lose_with(carrier) for each in trials)
        return True

    def _look_after(self, tickets: Tickets) -> None:
        """Replace carriers that have ended, every few seconds; where Slurm takes none, the trials wait."""
        now = time.monotonic()
        if now < self._not_before.get(tickets.folder, 0.0):
            return
        self._not_before[tickets.folder] = now + _LOOK_S
        try:
            self.cover(tickets)
        except Refused as error:
            self._not_before[tickets.folder] = now + _AFTER_REFUSAL_S
            if str(error) != self._said:
                log.warning("Slurm takes no job for the trials that wait, the sweep tries again: %s", error)
            self._said = str(error)


def _n_useful(tickets: Tickets, trials: list[CarriedHandle], living: set[str]) -> int:
    """The carriers that will take a trial, or have one that is not finished."""
    open_ones = {each for each in living if not tickets.is_closed(each)}
    held = {each.carrier() for each in trials}
    return len(open_ones | (held & living))
