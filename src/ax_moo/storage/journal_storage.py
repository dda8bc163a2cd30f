"""The default storage of a sweep: the journal in the sweep's folder."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.storage import journal
from ax_moo.storage.base import StorageWriter
from ax_moo.storage.journal import Journal
from ax_moo.trial import Trial


class JournalStorage:
    """The :class:`ax_moo.storage.base.Storage` of a sweep folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> StorageWriter:
        return Journal(self.folder)

    def header(self) -> Mapping[str, Any] | None:
        return journal.header(self.folder)

    def events(self) -> Iterator[Trial]:
        return journal.events(self.folder)

    def last_states(self) -> Sequence[Trial]:
        return journal.last_states(self.folder)
