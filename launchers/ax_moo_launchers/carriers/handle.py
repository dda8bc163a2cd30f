"""CarriedHandle: watching and ending a trial that shares its Slurm job, the carrier, with other trials."""

import contextlib
import os
import re
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from ax_moo.jobs.launcher import JobResult, JobState
from ax_moo.trial import Fault, Job
from ax_moo_launchers.carriers.ride import CANCELLED, OUT_OF_MEMORY
from ax_moo_launchers.carriers.tickets import CARRIERS, Ticket, Tickets, refresh
from ax_moo_launchers.files import (
    cancel_file,
    claim_file,
    exit_file,
    job_file,
    log_file,
    read_json,
    read_own_json,
    result_file,
)
from ax_moo_launchers.handle import SubmititHandle
from ax_moo_launchers.job.exit_codes import NO_RESULT, TIME_LIMIT, exit_words
from ax_moo_launchers.slurm import commands
from ax_moo_launchers.slurm.faults import AT_START_S, End, fault_of
from ax_moo_launchers.slurm.handle import BY_ITSELF
from ax_moo_launchers.slurm.watcher import Phase, SlurmWatcher

_REFRESH_S = 5.0
_ASK_S = 10.0
_GONE_S = 120.0
QUEUE, TICKET = "queue", "ticket"
"""The keys of a job's record with the folder of its queue, as seen from its own, and the name of its ticket."""


class CarriedHandle(SubmititHandle):
    """A trial in a queue of tickets, or in the Slurm job that has taken its ticket."""

    n_tasks = 1

    def __init__(self, job: Job, watcher: SlurmWatcher) -> None:
        super().__init__(job)
        self._watcher = watcher
        self._refreshed_at = float("-inf")
        self._ended_at: float | None = None
        self._is_lost = False
        self._carrier = ""
        self._on_waiting: Callable[[], None] | None = None
        self._asked_at = float("-inf")
        self._is_alone = False
        self._died_before = False
        self._was_removed = False
        self._gone_since: float | None = None

    def ask_through(self, watcher: SlurmWatcher, on_waiting: Callable[[], None]) -> None:
        """Use this watcher, and call ``on_waiting`` while nobody has taken the trial."""
        self._watcher, self._on_waiting = watcher, on_waiting

    @cached_property
    def _record(self) -> dict[str, Any]:
        """Where its queue is; nothing where another user could have written it."""
        return read_own_json(job_file(self.folder, self.job.job_id)) or {}

    @property
    def tickets(self) -> Tickets:
        folder = Path(os.path.normpath(self.folder / str(self._record.get(QUEUE, "."))))
        return Tickets(folder if folder.parent.name == CARRIERS else self.folder)

    @property
    def ticket(self) -> Ticket:
        return Ticket.of(str(self._record.get(TICKET))) or Ticket(0, 0, self.job.job_id)

    @property
    def is_cancelled(self) -> bool:
        return cancel_file(self.folder, self.job.job_id).exists()

    @property
    def has_begun(self) -> bool:
        """Whether a Slurm job has ever claimed the trial."""
        return bool(self._claim)

    def is_over(self) -> bool:
        """Whether the trial has ended, or is to end, so that no Slurm job is needed for it."""
        return self._is_lost or self.has_ended() or self.is_cancelled

    def has_ended(self) -> bool:
        """Whether the trial's files say that it has ended."""
        return self.has_results() or exit_file(self.folder, self.job.job_id).exists()

    def state(self) -> JobState:
        if self._is_lost:
            return JobState.LOST
        if time.monotonic() - self._refreshed_at > _REFRESH_S:
            self._refresh()
        if self.has_results():
            return JobState.FINISHED
        if exit_file(self.folder, self.job.job_id).exists():
            return self._after_end()
        if self._is_waiting():
            return self._lost() if self.is_cancelled else self._in_queue()
        if not self._find_carrier():
            return self._lost() if self.is_cancelled or self._is_gone() else JobState.PENDING
        self._gone_since = None
        return self._by_carrier()

    def carrier(self) -> str:
        """The Slurm job that has the trial; empty if nobody has it."""
        return "" if self._is_waiting() else self._find_carrier()

    def lose_with(self, carrier: str) -> bool:
        """Lose the trial together with a Slurm job that died before it took any; False if another one has taken it."""
        if self.is_over() or not self.tickets.withdraw(self.ticket):
            return False
        self._carrier, self._died_before = carrier, True
        self._lost()
        return True

    def _is_gone(self) -> bool:
        """Whether the ticket has been nowhere for so long that it is not just being moved: somebody removed it."""
        now = time.monotonic()
        if self._gone_since is None:
            self._gone_since = now
        refresh(self.tickets.folder)
        self._was_removed = now - self._gone_since > _GONE_S
        return self._was_removed

    def _in_queue(self) -> JobState:
        self._gone_since = None
        if self._on_waiting is not None:
            self._on_waiting()
            return JobState.PENDING
        # Whoever only looks, maybe from another cluster, leaves the ticket as it is: a resume adds Slurm jobs for it.
        return JobState.PENDING if self._may_be_taken() else JobState.LOST

    def _may_be_taken(self) -> bool:
        """Whether there is a Slurm job that may take the trial. Without this queue's launcher none will be added."""
        if time.monotonic() - self._asked_at > _ASK_S:
            self._asked_at = time.monotonic()
            left = commands.jobs_with_logs_below(self.tickets.folder)
            self._is_alone = left is not None and not left
        return not (self._is_alone and self._is_waiting())

    def _is_waiting(self) -> bool:
        return self.tickets.is_waiting(self.ticket)

    def _find_carrier(self) -> str:
        """The Slurm job that has the trial now: after a preemption it may be another one than before."""
        tickets, ticket = self.tickets, self.ticket
        if not tickets.is_taken_by(self._carrier, ticket):
            self._carrier = str(self._claim.get("carrier", ""))
        if not tickets.is_taken_by(self._carrier, ticket):
            self._carrier = tickets.carrier_of(ticket) or ""
        return self._carrier

    def _by_carrier(self) -> JobState:
        self._watcher.watch(self._carrier)
        verdict = self._watcher.verdict(self._carrier)
        if verdict.phase is Phase.PENDING:
            # Slurm runs the job again some time, which then finds the trial cancelled.
            return self._lost() if self.is_cancelled else JobState.PENDING
        if verdict.phase is Phase.RUNNING:
            return JobState.RUNNING
        self._refresh()
        if self.has_results(every=False):
            return JobState.FINISHED
        if self._is_waiting():  # it was given back in the last moment
            return JobState.PENDING
        return self._lost() if self._is_overdue(verdict.since, verdict.ended_well) else JobState.RUNNING

    def _after_end(self) -> JobState:
        self._refresh()
        if self.has_results(every=False):
            return JobState.FINISHED
        if self._ended_at is None:
            self._ended_at = time.monotonic()
        # A result is written before the note of the end, so that whoever sees the note of a bad end sees the result.
        is_bad = any(self._end_note.get("exit_codes", [])) or bool(self._end_note.get("reason"))
        return self._lost() if is_bad or self._is_overdue(self._ended_at, ended_well=True) else JobState.RUNNING

    def _lost(self) -> JobState:
        """Void a lost trial's ticket: its next attempt may run now, so no carrier that Slurm requeues may run this."""
        with contextlib.suppress(OSError):
            self._void()
        if self._carrier and self._watcher.verdict(self._carrier).phase is Phase.ENDED:
            self._watcher.cancel(self._carrier)
            self._watcher.forget(self._carrier)
        self.tickets.withdraw(self.ticket)
        self._is_lost = True
        return JobState.LOST

    def cancel(self) -> None:
        self._void()
        self.tickets.withdraw(self.ticket)

    def _void(self) -> None:
        """Let no Slurm job take the trial; a folder without its record is not the trial's, and nothing is written."""
        if self._record:
            cancel_file(self.folder, self.job.job_id).touch()

    def _end_now(self) -> None:
        self.cancel()

    def _refresh(self) -> None:
        """Make a network file system drop its cache of the folder, as for a Slurm job of its own."""
        self._refreshed_at = time.monotonic()
        with contextlib.suppress(OSError):
            os.chmod(self.folder, self.folder.stat().st_mode)

    @property
    def _end_note(self) -> dict[str, Any]:
        return read_json(exit_file(self.folder, self.job.job_id)) or {}

    @property
    def _claim(self) -> dict[str, Any]:
        return read_json(claim_file(self.folder, self.job.job_id)) or {}

    @property
    def _last_claim(self) -> dict[str, Any]:
        """The claim of the Slurm job that had the trial last; one that died at once may have written none."""
        claim = self._claim
        return claim if self._carrier in ("", claim.get("carrier")) else {}

    @cached_property
    def _end_of_carrier(self) -> End:
        return self._watcher.how_it_ended(self._carrier) if self._carrier else End(CANCELLED)

    def _why_lost(self) -> str:
        note = self._end_note
        if note.get("reason") == OUT_OF_MEMORY:
            return f"{OUT_OF_MEMORY}, {NO_RESULT}"
        if note.get("reason"):
            return str(note["reason"])
        if note:
            failed = [code for code in note.get("exit_codes", []) if code]
            return f"{exit_words(failed[0] if failed else 0)}, {NO_RESULT}"
        if self._was_removed:
            return "its ticket is gone from the queue"
        if not self._carrier:
            return "no Slurm job has taken it" if self._is_alone else CANCELLED
        words = re.sub(r"exit code (\d+):0", lambda match: exit_words(int(match.group(1))), self._end_of_carrier.words)
        if self._died_before:
            return f"{words}: Slurm job {self._carrier} ended before it could begin a trial{self._log_of_carrier()}"
        return f"{words} (Slurm job {self._carrier}), {NO_RESULT}"

    def _log_of_carrier(self) -> str:
        logs = [log_file(self.tickets.folder, self._carrier, 0, ending) for ending in ("err", "out")]
        return next((f"; see {log}" for log in logs if log.exists() and log.stat().st_size), "")

    def _without_result(self, why: str) -> JobResult:
        if result_file(self.folder, self.job.job_id).exists():  # one that cannot be read
            return JobResult(error=why)
        if not self._claim and not self._died_before:  # it never began
            return JobResult(error=why, fault=Fault.PREEMPTED)
        fault = self._fault_of_end() if self._end_note else self._fault_of_carrier()
        if fault is Fault.TIME_LIMIT and self._last_claim.get("place"):
            # It had less than the whole time of the Slurm job.
            return JobResult(error=f"{why}; other trials had run in its Slurm job before", fault=Fault.PREEMPTED)
        return JobResult(error=why, fault=fault, node=self._node)

    @property
    def _node(self) -> str:
        return self._end_of_carrier.node if self._died_before else str(self._last_claim.get("node", ""))

    def _fault_of_end(self) -> Fault | None:
        note, end = self._note() or "", self._end_note
        if end.get("reason") == OUT_OF_MEMORY:
            return Fault.OUT_OF_MEMORY
        if end.get("reason") or note:
            return fault_of(End(""), note, was_preempted=False) if note.startswith(TIME_LIMIT) else None
        return Fault.DIED_AT_START if end.get("seconds", AT_START_S + 1) <= AT_START_S else None

    def _fault_of_carrier(self) -> Fault | None:
        end = self._end_of_carrier
        was_preempted = end.state in BY_ITSELF and commands.was_preempted(self._carrier)
        return fault_of(end, self._note() or "", was_preempted)
