"""The program of a Slurm job that takes trials of a sweep one after the other, each in a process of its own.

It is run as ``python -m ax_moo_launchers.slurm.carrier FOLDER MOST IDLE_S LOGS``: FOLDER has the tickets, and MOST is
the number of trials to take, or auto. With ``one`` for LOGS a trial's error output is in the file of its output. It
ends when it has taken so many, when there was nothing to take for IDLE_S seconds, or when too little time is left.
"""

import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ax_moo.system.disk import PASSING, TRY_AGAIN_SECONDS
from ax_moo.system.signals import hold_back, warning_signal
from ax_moo.system.text import error_line
from ax_moo_launchers.files import again_file, cancel_file, exit_file, is_whole, result_file
from ax_moo_launchers.slurm.carrier_time import TimeLeft
from ax_moo_launchers.slurm.program import modules_file
from ax_moo_launchers.slurm.ride import (
    CANCELLED,
    OUT_OF_MEMORY,
    Ride,
    adopt_left_processes,
    end_left_processes,
    note_that_none_began,
)
from ax_moo_launchers.slurm.tickets import Ticket, Tickets
from ax_moo_launchers.slurm.warmth import Warmth

AUTO, ONE_LOG = "auto", "one"
_QUICK_S, _SLOW_S = 0.1, 2.0
_QUANTILE = 0.9


class Carrier:
    """``ride`` makes the process of a trial; ``left_s`` is the time that is left for trials."""

    def __init__(
        self,
        tickets: Tickets,
        name: str,
        most: float,
        idle_s: float,
        ride: Callable[[Path, str], Ride] = Ride,
        left_s: Callable[[], float] = lambda: math.inf,
        warmth: Warmth | None = None,
    ) -> None:
        self.tickets = tickets
        self.name = name
        self._most = most
        self._idle_s = idle_s
        self._ride = ride
        self._left_s = left_s
        self._warmth = warmth
        self._idle_since = time.monotonic()
        self._n_taken = 0

    def run(self) -> int:
        """Take trials until there is a reason to end; the exit code."""
        self.tickets.open(self.name)
        self._take_up()
        while not self._has_to_end():
            ticket = self._next()
            if ticket is not None:
                self._carry(ticket)
            elif self._is_idle() and self._closes():
                return 0
            else:
                self._wait()
        self.tickets.close(self.name)
        return 128 + signal.SIGTERM if _Signals.terminated else 0

    def _has_to_end(self) -> bool:
        return self._n_taken >= self._most or _Signals.end_is_near()

    def _take_up(self) -> None:
        """Run again what an earlier life of this job has begun: Slurm has requeued the job."""
        for ticket in self.tickets.taken_by(self.name):
            self._n_taken += 1
            if not _Signals.end_is_near():
                self._run(ticket)

    def _next(self) -> Ticket | None:
        """The first ticket that this carrier gets. One that is left without enough time for any closes."""
        waiting = self.tickets.waiting()
        for ticket in waiting:
            if self._has_time_for(ticket) and self.tickets.take(ticket, self.name):
                return ticket
        if any(not self._has_time_for(ticket) for ticket in waiting):
            self._most = self._n_taken  # another carrier takes it
        return None

    def _has_time_for(self, ticket: Ticket) -> bool:
        """Whether most trials so far would have ended in the time that is left; the first one gets all the time."""
        if self._n_taken == 0:
            return True
        return not ticket.needs_all and self._left_s() >= quantile(self.tickets.durations())

    def _carry(self, ticket: Ticket) -> None:
        self._n_taken += 1
        if self._n_taken >= self._most:
            self.tickets.close(self.name)
        self._run(ticket)
        self._idle_since = time.monotonic()

    def _run(self, ticket: Ticket) -> None:
        folder, job_id = self.tickets.folder_of(ticket), ticket.job_id
        if has_ended(folder, job_id):
            return
        if cancel_file(folder, job_id).exists():
            note_that_none_began(folder, job_id, CANCELLED)
            return
        again_file(folder, job_id).unlink(missing_ok=True)
        ride = self._ride(folder, job_id)
        try:
            ride.begin(self.name, self._n_taken - 1)
        except OSError as error:
            self._could_not_begin(ticket, ride, error)
            return
        code = ride.wait()
        _say(f"trial {ticket.trial}, attempt {ticket.attempt}: exit code {code} after {ride.seconds:.1f} s")
        end_left_processes(but=self._warmth.pids if self._warmth else set())
        self._note_end(ticket, ride)

    def _note_end(self, ticket: Ticket, ride: Ride) -> None:
        if again_file(ride.folder, ride.job_id).exists():
            ride.leave_end_open()
            self.tickets.give_back(ticket, self.name)
        elif _Signals.terminated and not is_whole(result_file(ride.folder, ride.job_id)):
            ride.leave_end_open()  # whoever ends this job knows why, and Slurm may run it again
        else:
            ride.note_end()
            if ride.reason == OUT_OF_MEMORY:
                self._most = self._n_taken  # Slurm will say it of this whole job
            if ride.code == 0:
                self.tickets.add_duration(ride.seconds)

    def _could_not_begin(self, ticket: Ticket, ride: Ride, error: OSError) -> None:
        """Leave the trial to a later moment or another carrier, if the cause passes, such as a full disk."""
        _say(f"trial {ticket.trial}, attempt {ticket.attempt}, could not begin: {error}")
        ride.leave_end_open()
        if error.errno in PASSING:
            self.tickets.give_back(ticket, self.name)
            self._n_taken -= 1
            self.tickets.open(self.name)
            time.sleep(TRY_AGAIN_SECONDS)
        else:
            note_that_none_began(ride.folder, ride.job_id, f"could not begin: {error_line(error)}")

    def _is_idle(self) -> bool:
        return time.monotonic() - self._idle_since >= self._idle_s

    def _closes(self) -> bool:
        """Close, unless a trial was put into the queue in the moment before: whoever did that counts on this job."""
        self.tickets.close(self.name)
        if not self.tickets.waiting():
            return True
        self.tickets.open(self.name)
        return False

    def _wait(self) -> None:
        if self._warmth is not None:
            self._warmth.prepare()
        waited = time.monotonic() - self._idle_since
        if waited > 1.0:
            _refresh(self.tickets.folder)
        time.sleep(min(_QUICK_S + waited / 10, _SLOW_S, max(self._idle_s, _QUICK_S)))


class _Signals:
    """What Slurm has told this job."""

    terminated = False

    @classmethod
    def listen(cls) -> None:
        def terminate(number: int, frame: Any) -> None:
            del number, frame
            cls.terminated = True

        signal.signal(signal.SIGTERM, terminate)
        hold_back(warning_signal())  # Slurm sends it to the trial as well, which handles it

    @classmethod
    def end_is_near(cls) -> bool:
        return cls.terminated or warning_signal() in signal.sigpending()


def has_ended(folder: Path, job_id: str) -> bool:
    return exit_file(folder, job_id).exists() or is_whole(result_file(folder, job_id))


def quantile(durations: list[float]) -> float:
    """The time within which nine of ten trials ended so far; 0 while none has."""
    return sorted(durations)[math.ceil(_QUANTILE * len(durations)) - 1] if durations else 0.0


def _refresh(folder: Path) -> None:
    """Make a network file system drop its cache of the queue."""
    for each in (folder, folder / "waiting"):
        with contextlib.suppress(OSError):
            os.chmod(each, each.stat().st_mode)


def _say(text: str) -> None:
    print(text, flush=True)


def slurm_id() -> str:
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]


def main() -> None:
    folder, most, idle_s, logs = sys.argv[1:]
    _Signals.listen()
    can_fork = adopt_left_processes()
    warmth, modules = Warmth(Path(folder), can_fork), str(modules_file(Path(folder)))

    def ride(of_trial: Path, job_id: str) -> Ride:
        return Ride(of_trial, job_id, logs == ONE_LOG, warmth.start, modules)

    limit, left = math.inf if most == AUTO else int(most), TimeLeft(os.environ["SLURM_JOB_ID"])
    code = Carrier(Tickets(Path(folder)), slurm_id(), limit, float(idle_s), ride, left, warmth).run()
    warmth.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
