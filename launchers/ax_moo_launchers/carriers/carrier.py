"""The program of a Slurm job that takes trials of a sweep one after the other, each in a process of its own.

It is run as ``python -m ax_moo_launchers.carriers.carrier FOLDER MOST IDLE_S LOGS``: FOLDER has the tickets, and MOST
is the number of trials to take, or auto. With ``one`` for LOGS a trial's error output is in the file of its output. It
ends when it has taken so many, when there was nothing to take for IDLE_S seconds, when too little time is left, or when
the sweep is over.
"""

import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ax_moo.system.disk import PASSING, TRY_AGAIN_SECONDS, until_written
from ax_moo.system.terminal import say
from ax_moo.system.text import error_line
from ax_moo_launchers.carriers.left_processes import adopt_left_processes, bury_left_processes, end_left_processes
from ax_moo_launchers.carriers.program import modules_file
from ax_moo_launchers.carriers.ride import CANCELLED, OUT_OF_MEMORY, Ride, note_that_none_began
from ax_moo_launchers.carriers.signals import Signals
from ax_moo_launchers.carriers.tickets import Ticket, Tickets, refresh
from ax_moo_launchers.carriers.time_left import TimeLeft
from ax_moo_launchers.carriers.warmth import Warmth
from ax_moo_launchers.files import again_file, cancel_file, exit_file, is_whole, result_file

AUTO, ONE_LOG = "auto", "one"
_QUICK_S, _SLOW_S = 0.1, 2.0
_QUANTILE = 0.9
_MAKES_ROOM_S = 3.0
"""So long a carrier waits for a trial of its own before it makes room for one that needs another: slots are filled in a
moment, and the warm carriers would all end at once."""


class Carrier:
    """``ride`` makes the process of a trial, and ``tidy_up`` is called after its end; ``left_s`` is the time left."""

    def __init__(
        self,
        tickets: Tickets,
        name: str,
        most: float,
        idle_s: float,
        ride: Callable[[Path, str], Ride] = Ride,
        left_s: Callable[[], float] = lambda: math.inf,
        warmth: Warmth | None = None,
        tidy_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.tickets = tickets
        self.name = name
        self._most = most
        self._idle_s = idle_s
        self._ride = ride
        self._left_s = left_s
        self._warmth = warmth
        self._tidy_up = tidy_up
        self._idle_since = time.monotonic()
        self._begun: set[Ticket] = set()
        self._n_taken = 0

    def run(self) -> int:
        """Take trials until there is a reason to end; the exit code."""
        while True:
            try:
                self._serve()
                return 128 + signal.SIGTERM if Signals.terminated else 0
            except FileNotFoundError:
                if not self.tickets.folder.exists():
                    return 0  # the sweep was removed or moved away
                raise
            except OSError as error:
                # A full disk has room again, and a file server comes back; trials wait in the queue.
                if error.errno not in PASSING or Signals.came():
                    raise
                say(f"waits, because the queue cannot be used: {error}")
                time.sleep(TRY_AGAIN_SECONDS)

    def _serve(self) -> None:
        if self._n_taken < self._most:
            self.tickets.open(self.name)
        while not self._has_to_end():
            ticket = self._next()
            if ticket is not None:
                self._carry(ticket)
            elif self._is_idle() and self._closes():
                return
            else:
                self._wait()
        self.tickets.close(self.name)

    def _has_to_end(self) -> bool:
        is_over = self.tickets.are_over() and not self._has_own()
        return is_over or self._n_taken >= self._most or bool(Signals.came())

    def _has_own(self) -> bool:
        return any(each not in self._begun for each in self.tickets.taken_by(self.name))

    def _next(self) -> Ticket | None:
        """The first ticket that this carrier gets. One that is left without enough time for any closes."""
        # Slurm has requeued this job, or an order that was carried out was answered by an error.
        for ticket in self.tickets.taken_by(self.name):
            if ticket not in self._begun:
                return ticket
        waiting = self.tickets.waiting()
        for ticket in waiting:
            if self._has_time_for(ticket) and self.tickets.take(ticket, self.name):
                return ticket
        left = [each for each in waiting if not self._has_time_for(each)]
        if any(not each.needs_all for each in left) or (left and self._idle_seconds() >= _MAKES_ROOM_S):
            self._most = self._n_taken  # another carrier takes it
        return None

    def _has_time_for(self, ticket: Ticket) -> bool:
        """Whether most trials so far would have ended in the time that is left; the first one gets all the time."""
        if self._n_taken == 0:
            return True
        return not ticket.needs_all and self._left_s() >= quantile(self.tickets.durations())

    def _carry(self, ticket: Ticket) -> None:
        is_to_run = self._is_to_run(ticket)
        self._begun.add(ticket)
        self._n_taken += 1
        if self._n_taken >= self._most:
            with contextlib.suppress(OSError):
                self.tickets.close(self.name)
        if is_to_run:
            self._run(ticket)
        self._idle_since = time.monotonic()

    def _is_to_run(self, ticket: Ticket) -> bool:
        folder, job_id = self.tickets.folder_of(ticket), ticket.job_id
        if has_ended(folder, job_id):
            return False
        if cancel_file(folder, job_id).exists():
            note_that_none_began(folder, job_id, CANCELLED)
            return False
        again_file(folder, job_id).unlink(missing_ok=True)
        return True

    def _run(self, ticket: Ticket) -> None:
        folder, job_id = self.tickets.folder_of(ticket), ticket.job_id
        ride = self._ride(folder, job_id)
        # The sweep knows the result, and gives the slot to another trial.
        ride.on_late = lambda: self.tickets.close(self.name)
        try:
            ride.begin(self.name, self._n_taken - 1)
        except OSError as error:
            self._could_not_begin(ticket, ride, error)
            return
        code = ride.wait()
        say(f"trial {ticket.trial}, attempt {ticket.attempt}: exit code {code} after {ride.seconds:.1f} s")
        self._tidy_up()
        until_written(lambda: self._note_end(ticket, ride), folder)
        if ride.is_late and self._n_taken < self._most:
            self.tickets.open(self.name)

    def _note_end(self, ticket: Ticket, ride: Ride) -> None:
        if again_file(ride.folder, ride.job_id).exists():
            ride.leave_end_open()
            self._give_back(ticket, needs_all=True)
        elif Signals.terminated and not is_whole(result_file(ride.folder, ride.job_id)):
            ride.leave_end_open()  # whoever ends this job knows why, and Slurm may run it again
        else:
            ride.note_end()
            if ride.reason == OUT_OF_MEMORY:
                self._most = self._n_taken  # Slurm will say it of this whole job
            if ride.code == 0:
                self.tickets.add_duration(ride.seconds)

    def _could_not_begin(self, ticket: Ticket, ride: Ride, error: OSError) -> None:
        """Leave the trial to a later moment or another carrier, if the cause passes, such as a full disk."""
        say(f"trial {ticket.trial}, attempt {ticket.attempt}, could not begin: {error}")
        ride.leave_end_open()
        if error.errno in PASSING:
            self._give_back(ticket)
            self._n_taken -= 1
            self.tickets.open(self.name)
            time.sleep(TRY_AGAIN_SECONDS)
        else:
            note_that_none_began(ride.folder, ride.job_id, f"could not begin: {error_line(error)}")

    def _give_back(self, ticket: Ticket, needs_all: bool = False) -> None:
        self._begun.discard(ticket)
        self.tickets.give_back(ticket, self.name, needs_all or ticket.needs_all)

    def _is_idle(self) -> bool:
        return self._idle_seconds() >= self._idle_s

    def _idle_seconds(self) -> float:
        return time.monotonic() - self._idle_since

    def _closes(self) -> bool:
        """Close, unless a trial was put into the queue in the moment before: whoever did that counts on this job."""
        self.tickets.close(self.name)
        refresh(self.tickets.folder)
        if not any(self._has_time_for(each) for each in self.tickets.waiting()):
            return True
        self.tickets.open(self.name)
        return False

    def _wait(self) -> None:
        if self._warmth is not None:
            self._warmth.is_ready()  # it begins with its imports when it knows them
        waited = self._idle_seconds()
        if waited > 1.0:
            refresh(self.tickets.folder)
        time.sleep(min(_QUICK_S + waited / 10, _SLOW_S, max(self._idle_s, _QUICK_S)))


def has_ended(folder: Path, job_id: str) -> bool:
    return exit_file(folder, job_id).exists() or is_whole(result_file(folder, job_id))


def quantile(durations: list[float]) -> float:
    """The time within which nine of ten trials ended so far; 0 while none has."""
    return sorted(durations)[math.ceil(_QUANTILE * len(durations)) - 1] if durations else 0.0


def slurm_id() -> str:
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]


def main() -> None:
    folder, most, idle_s, logs = sys.argv[1:]
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return  # of several tasks of one job, which would take each other's trials for their own
    Signals.listen()
    can_fork = adopt_left_processes()
    warmth, modules = Warmth(Path(folder), can_fork, Signals.came), str(modules_file(Path(folder)))

    def ride(of_trial: Path, job_id: str) -> Ride:
        return Ride(of_trial, job_id, logs == ONE_LOG, warmth.start, modules, Signals.to_pass_on, bury_left_processes)

    def tidy_up() -> None:
        end_left_processes(but=warmth.pids)

    limit, left = math.inf if most == AUTO else int(most), TimeLeft(os.environ["SLURM_JOB_ID"])
    code = Carrier(Tickets(Path(folder)), slurm_id(), limit, float(idle_s), ride, left, warmth, tidy_up).run()
    warmth.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
