"""The trials that wait for one of a sweep's carriers: Slurm jobs that take trials one after the other.

The queue is a folder. A ticket is an empty file whose name says all, and that is moved by renaming: from ``waiting`` to
the folder of the carrier that has taken it, where it stays. So a trial has one carrier at most, whatever is killed.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ax_moo.jobs.folders import attempt_folder
from ax_moo.system.disk import sync_folder

CARRIERS = "carriers"
"""The folder beside those of a sweep's trials that has the queues, one for each kind of carrier."""

_WAITING, _CLOSED, _DURATIONS, _OVER = "waiting", "closed", "durations", "over"
_NAME = re.compile(r"(\d+)\.(\d+)\.([\w-]+?)(\.alone)?")
_CARRIER = re.compile(r"[\d_]+")


@dataclass(frozen=True)
class Ticket:
    """A trial's attempt, and the id of its job; ``needs_all`` says that it needs all of a carrier's time."""

    trial: int
    attempt: int
    job_id: str
    needs_all: bool = False

    @property
    def name(self) -> str:
        return f"{self.trial:06d}.{self.attempt}.{self.job_id}{'.alone' if self.needs_all else ''}"

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it may have by now: a trial that is cut off needs all of the time from then on."""
        return (self.name,) if self.needs_all else (self.name, replace(self, needs_all=True).name)

    @staticmethod
    def of(name: str) -> "Ticket | None":
        match = _NAME.fullmatch(name)
        return Ticket(int(match[1]), int(match[2]), match[3], bool(match[4])) if match else None


@dataclass(frozen=True)
class Tickets:
    """A queue of trials, for all carriers with the same settings."""

    folder: Path

    def folder_of(self, ticket: Ticket) -> Path:
        """The folder with the files of the trial's job."""
        return attempt_folder(self.folder.parent.parent, ticket.trial, ticket.attempt)

    def put(self, ticket: Ticket) -> None:
        waiting = self.folder / _WAITING
        waiting.mkdir(parents=True, exist_ok=True)
        (waiting / ticket.name).touch()
        sync_folder(waiting)

    def waiting(self) -> list[Ticket]:
        """What nobody has taken, the lowest trial first."""
        return _in(self.folder / _WAITING)

    def take(self, ticket: Ticket, carrier: str) -> bool:
        """Whether the ticket is this carrier's now. Of several carriers that try one succeeds."""
        mine = self.folder / carrier
        mine.mkdir(exist_ok=True)
        try:
            os.rename(self.folder / _WAITING / ticket.name, mine / ticket.name)
        except FileNotFoundError:
            # A file server may repeat an order that it has carried out before.
            return (mine / ticket.name).exists()
        return True

    def give_back(self, ticket: Ticket, carrier: str, needs_all: bool) -> None:
        name = replace(ticket, needs_all=needs_all).name
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.folder / carrier / ticket.name, self.folder / _WAITING / name)

    def is_waiting(self, ticket: Ticket) -> bool:
        return any((self.folder / _WAITING / name).exists() for name in ticket.names)

    def carrier_of(self, ticket: Ticket) -> str | None:
        """The Slurm job that has taken the ticket, also one that has ended."""
        return next((each for each in self.carriers() if self.is_taken_by(each, ticket)), None)

    def is_taken_by(self, carrier: str, ticket: Ticket) -> bool:
        return bool(carrier) and any((self.folder / carrier / name).exists() for name in ticket.names)

    def has(self, ticket: Ticket) -> bool:
        """Whether the ticket is anywhere. It is looked for twice, because it may be moved meanwhile."""
        return any(self.is_waiting(ticket) or self.carrier_of(ticket) is not None for _ in range(2))

    def withdraw(self, ticket: Ticket) -> bool:
        """Take back what nobody has taken; False if somebody has."""
        for name in ticket.names:
            with contextlib.suppress(FileNotFoundError):
                (self.folder / _WAITING / name).unlink()
                return True
        return False

    def carriers(self) -> list[str]:
        """The Slurm jobs that have begun to take trials, also those that have ended."""
        with contextlib.suppress(FileNotFoundError):
            return [name for name in os.listdir(self.folder) if _CARRIER.fullmatch(name)]
        return []

    def taken_by(self, carrier: str) -> list[Ticket]:
        return _in(self.folder / carrier)

    def has_begun(self, carrier: str) -> bool:
        """Whether the carrier's program has begun."""
        return (self.folder / carrier).exists()

    def close(self, carrier: str) -> None:
        """Say that this carrier takes no more trials."""
        (self.folder / carrier).mkdir(exist_ok=True)
        (self.folder / carrier / _CLOSED).touch()

    def open(self, carrier: str) -> None:
        (self.folder / carrier).mkdir(exist_ok=True)
        (self.folder / carrier / _CLOSED).unlink(missing_ok=True)

    def is_closed(self, carrier: str) -> bool:
        return (self.folder / carrier / _CLOSED).exists()

    def end(self) -> None:
        """Let the carriers that have no trial end: the sweep is over."""
        (self.folder / _OVER).touch()

    def go_on(self) -> None:
        (self.folder / _OVER).unlink(missing_ok=True)

    def are_over(self) -> bool:
        return (self.folder / _OVER).exists()

    def add_duration(self, seconds: float) -> None:
        """Note how long a trial took, for the carriers to know whether they have time for another."""
        with contextlib.suppress(OSError), open(self.folder / _DURATIONS, "a") as file:
            file.write(f"{seconds:.1f}\n")

    def durations(self) -> list[float]:
        with contextlib.suppress(OSError):
            return list(_numbers((self.folder / _DURATIONS).read_text()))
        return []


def queues(base: Path) -> list[Tickets]:
    """The queues that a sweep has had; ``base`` is the folder with the folders of its trials' jobs."""
    with contextlib.suppress(OSError):
        return [Tickets(path) for path in sorted((base / CARRIERS).iterdir()) if path.is_dir()]
    return []


def refresh(folder: Path) -> None:
    """Make a network file system drop its cache of the queue."""
    for each in (folder, folder / _WAITING):
        with contextlib.suppress(OSError):
            os.chmod(each, each.stat().st_mode)


def _in(folder: Path) -> list[Ticket]:
    try:
        found = [Ticket.of(name) for name in os.listdir(folder)]
    except FileNotFoundError:
        return []
    return sorted((each for each in found if each is not None), key=lambda each: each.name)


def _numbers(text: str) -> Iterator[float]:
    for line in text.splitlines():
        with contextlib.suppress(ValueError):  # two carriers on two hosts have written at once
            yield float(line)
