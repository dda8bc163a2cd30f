"""The Storage protocol: what a sweep needs of the place where its state is kept."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ax_moo.trial import Trial


class StorageWriter(Protocol):
    """A sweep's storage, opened for writing by the one process that runs the sweep."""

    def begin(self, problem: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Record the header: the problem, and what a reader may want to know about the sweep (seed, command, ...)."""
        ...

    def record(self, trial: Trial) -> None:
        """Record a trial's new state; when this returns, the state is durable."""
        ...

    @property
    def path(self) -> Path:
        """The path that an error message names when the storage cannot be written."""
        ...

    def keep(self) -> None:
        """Restore what was recorded if somebody has removed it. The loop calls this in each round.

        Raises:
            ConfigError: something else is in its place.
        """
        ...

    def save_beside(self) -> Path | None:
        """Save what was recorded in another place, after ``keep`` or ``record`` has raised; None if nothing is lost."""
        ...

    def remove(self) -> None:
        """Remove everything that was recorded; after that there is no sweep."""
        ...

    def close(self) -> None: ...


class Storage(Protocol):
    """The state of one sweep: a header, followed by every state that every trial has been in.

    Durability
        The sweep acts on a trial's new state only after ``record`` has returned. The state must then survive the death
        of the process and of its machine. A process that dies inside ``record`` loses at most that one state: it is
        stored completely or not at all, and every earlier state is stored.

    One writer, many readers
        A second ``open`` is refused while another process writes, and allowed once that process is gone, however it
        ended. Any process may read at any time, on any host that sees the storage. A reader sees the states that were
        recorded up to some moment: never a part of a state, and never a state without the earlier ones. Reading
        changes nothing and does not wait for the writer.

    Exactness
        What is read equals what was recorded: floats to the last bit, ints of any size, every string (also lone
        surrogates), lists, mappings and null; a pair (mean, standard error) of an outcome is a tuple. The optimizer is
        rebuilt from the trials in the order of their last states, and proposes other candidates when one bit differs.

    Versions
        Fields of a later version are ignored in every record (:func:`ax_moo.system.dataclass_records.from_record`). The
        header has a ``format``; a format that this version does not know is refused with a ConfigError.

    Errors
        OSError means that the storage is full or cannot be reached: nothing of the record is stored, and the sweep
        records the same state again later. ConfigError, with a sentence for the user, is for everything else.
    """

    def open(self) -> StorageWriter:
        """Open the storage for writing, and create it if it does not exist.

        Raises:
            ConfigError: another process has it open for writing.
        """
        ...

    def header(self) -> Mapping[str, Any] | None:
        """The mapping of ``format``, ``problem`` and the ``about`` of ``begin``; None if no sweep has begun.

        Raises:
            ConfigError: this version does not know the format.
        """
        ...

    def events(self) -> Iterator[Trial]:
        """Every state that every trial has been in, in the order in which they were recorded."""
        ...

    def last_states(self) -> Sequence[Trial]:
        """Each trial in its last state, in the order in which the trials entered these states."""
        ...
