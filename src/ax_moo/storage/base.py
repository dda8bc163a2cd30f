"""The port between a sweep and where its state is kept."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ax_moo.trial import Trial


class StorageWriter(Protocol):
    """A sweep's storage, open for writing by the one process that runs the sweep."""

    def begin(self, problem: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Keep the header: the problem, and what a reader may want to know of the sweep (seed, command, ...)."""
        ...

    def record(self, trial: Trial) -> None:
        """Keep a trial's new state; when this returns, the state is durable."""
        ...

    @property
    def path(self) -> Path:
        """What to name where it cannot be written."""
        ...

    def keep(self) -> None:
        """Called in each round of the loop: notice that what was recorded was taken away, and record it once more.

        Raises:
            ConfigError: something else stands in its place.
        """
        ...

    def save_beside(self) -> Path | None:
        """Save what was recorded where nothing else stands, after ``keep`` or ``record`` has raised; None: no need."""
        ...

    def remove(self) -> None:
        """Take everything away, after which there is no sweep."""
        ...

    def close(self) -> None: ...


class Storage(Protocol):
    """Where one sweep is kept: a header, and after it every state that every trial has been in.

    Durability
        The sweep acts on a trial's new state only after ``record`` has returned. What was recorded then survives the
        death of the process and of its machine. A process that dies inside ``record`` loses at most that one state:
        it is there as a whole or not at all, and everything before it is there.

    One writer, many readers
        A second ``open`` is refused while another process writes, and allowed once that process is gone, however it
        ended. Anybody may read at any time, on any host that sees the storage, and then sees the states that were
        recorded up to some moment: never a part of one, never one without those before it. Reading changes nothing
        and waits for nobody.

    Exactness
        What is read equals what was recorded: floats to the last bit, ints of any size, every string (also lone
        surrogates), lists, mappings and null; a pair (mean, standard error) of an outcome is a tuple. The optimizer is
        rebuilt from the trials in the order of their last states, and proposes other candidates when one bit differs.

    Versions
        Fields of a later version are ignored in every record (:func:`ax_moo.system.records.from_record`). The header
        has a ``format``; one that this version does not know is refused with a sentence.

    Errors
        OSError where the storage cannot be reached or is full: nothing of the record is kept then, and the sweep tries
        the same one again. ConfigError, a sentence for the user, for everything else.
    """

    def open(self) -> StorageWriter:
        """Open it for writing, and create it where there is none.

        Raises:
            ConfigError: another process writes it.
        """
        ...

    def header(self) -> Mapping[str, Any] | None:
        """``format``, ``problem`` and what ``begin`` was told; None where no sweep has begun.

        Raises:
            ConfigError: it is of a format that this version does not know.
        """
        ...

    def events(self) -> Iterator[Trial]:
        """Every state that every trial has been in, in the order in which they were recorded."""
        ...

    def last_states(self) -> Sequence[Trial]:
        """Each trial in its last state, in the order in which they came into these states."""
        ...
