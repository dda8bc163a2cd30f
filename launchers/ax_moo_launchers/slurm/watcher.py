"""SlurmWatcher: asks Slurm for the states of all jobs of a launcher, with one query every two seconds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ax_moo_launchers.slurm import commands
from ax_moo_launchers.slurm.faults import End

_INTERVAL_S = 2.0
_PAUSE = 3.0
"""So many times longer than a query took Slurm is left alone: the sweep does nothing else while one has no answer."""

_FORGOTTEN_S = 300.0

_FORGOTTEN = End("no longer known to Slurm")

_PENDING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"}


class Phase(Enum):
    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class Verdict:
    """A job's phase, and since when by ``time.monotonic``; ``end`` says how a job has ended."""

    phase: Phase
    since: float
    end: End | None = None

    @property
    def ended_well(self) -> bool:
        return self.end is not None and self.end.words == "COMPLETED"


class SlurmWatcher:
    """Watches all unfinished jobs of one launcher.

    The controller (squeue) is asked first: it knows every job that runs or waits, also a requeued one. Only jobs that
    it calls ended, or does not know, are looked up elsewhere. A command that fails says nothing about a job, so the
    last verdict is kept.
    """

    def __init__(self, interval_s: float = _INTERVAL_S) -> None:
        self.interval_s = interval_s
        self._watched: set[str] = set()
        self._verdicts: dict[str, Verdict] = {}
        self._unknown_since: dict[str, float] = {}
        self._to_cancel: set[str] = set()
        self._not_before = float("-inf")

    def watch(self, job_id: str) -> None:
        self._watched.add(job_id)

    def forget(self, job_id: str) -> None:
        """Ask no more about a job that is lost or whose result has been written."""
        self._watched.discard(job_id)

    def cancel(self, job_id: str) -> None:
        """Cancel a job: at once, or when the controller answers again if it is away."""
        is_away = bool(self._to_cancel)
        self._to_cancel.add(job_id)
        if not is_away:
            self._cancel([job_id])

    def verdict(self, job_id: str) -> Verdict:
        begun = time.monotonic()
        if begun >= self._not_before:
            self._ask()
            now = time.monotonic()
            self._not_before = now + max(self.interval_s, _PAUSE * (now - begun))
        # If Slurm has never answered, nothing is known about the job but that it was submitted.
        return self._verdicts.get(job_id, Verdict(Phase.RUNNING, time.monotonic()))

    def how_it_ended(self, job_id: str) -> End:
        """How a job ended, from accounting if possible, which may learn of the end after the controller."""
        seen = self.verdict(job_id).end
        if seen is not None and seen.state == commands.HELD:
            return seen  # accounting will say that it was cancelled, which was our doing
        accounts = commands.account_ends([job_id]) or {}
        return accounts.get(job_id) or self.verdict(job_id).end or End("ended")

    def _ask(self) -> None:
        """Ask about all watched jobs, also those that have ended: Slurm may run them again."""
        if not self._watched and not self._to_cancel:
            return
        states = commands.queue_states(sorted(self._watched))
        if states is None:
            return
        self._cancel(sorted(self._to_cancel))
        lookups = []
        for job_id in sorted(self._watched):
            state = states.get(job_id)
            if state == commands.HELD:
                self._note_held(job_id)
            elif state is not None and state not in commands.ENDED:
                self._note(job_id, Phase.PENDING if state in _PENDING else Phase.RUNNING)
            elif not self._is_ended(job_id):
                lookups.append(job_id)
        if lookups:
            self._look_up(lookups, states)

    def _cancel(self, job_ids: Sequence[str]) -> None:
        if job_ids and commands.cancel(job_ids):
            self._to_cancel -= set(job_ids)

    def _look_up(self, job_ids: Sequence[str], states: dict[str, str]) -> None:
        """Find out how jobs ended: from accounting, else from the controller, if it still knows them."""
        accounts = commands.account_ends(job_ids)
        has_accounting = accounts is None or commands.NO_ACCOUNTING not in accounts
        for job_id in job_ids:
            end = (accounts or {}).get(job_id)
            if end is None and job_id in states:
                end = commands.controller_end(job_id) or End(states[job_id])
            if end is not None:
                self._note(job_id, Phase.ENDED, end)
            elif not has_accounting:
                self._note(job_id, Phase.ENDED, _FORGOTTEN)
            else:
                self._note_unknown(job_id)

    def _note_held(self, job_id: str) -> None:
        """Call a job ended that could not be started and will not be: another attempt may run elsewhere."""
        if not self._is_ended(job_id):
            end = End(f"{commands.HELD}, requeued and held", commands.earlier_nodes(job_id), 0.0)
            self._note(job_id, Phase.ENDED, end)

    def _note_unknown(self, job_id: str) -> None:
        """Call a job ended if neither the controller nor accounting has known it for five minutes."""
        since = self._unknown_since.setdefault(job_id, time.monotonic())
        if time.monotonic() - since > _FORGOTTEN_S:
            self._note(job_id, Phase.ENDED, _FORGOTTEN)

    def _note(self, job_id: str, phase: Phase, end: End | None = None) -> None:
        before = self._verdicts.get(job_id)
        if before is None or before.phase is not phase:
            self._verdicts[job_id] = Verdict(phase, time.monotonic(), end)
        if phase is not Phase.ENDED:
            self._unknown_since.pop(job_id, None)

    def _is_ended(self, job_id: str) -> bool:
        verdict = self._verdicts.get(job_id)
        return verdict is not None and verdict.phase is Phase.ENDED
