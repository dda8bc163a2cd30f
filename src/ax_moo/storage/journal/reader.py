"""Reading a folder's journal: its header and its trials."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.journal.folders import resolved
from ax_moo.storage.journal.format import FORMAT, ID, from_row
from ax_moo.storage.journal.lines import BadJournal, Line, lines
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial


def header(folder: Path) -> dict[str, Any] | None:
    """The header of a folder's journal; None if there is no journal, or only an incomplete first line.

    Raises:
        ConfigError: this version does not know the journal's format.
    """
    path = folder / JOURNAL_FILE
    first = next(lines(path), None)
    if first is None:
        return None
    if fault := header_fault(first):
        raise BadJournal(path, 1, fault)
    if first.row.get("format") != FORMAT:
        raise ConfigError(f"{path} is not a journal of this version of ax_moo; use the version that wrote it")
    header: dict[str, Any] = first.row
    return header


def header_fault(first: Line) -> str | None:
    """What is wrong with the first line; another version's may be anything."""
    if isinstance(first.row, dict) and "trial" in first.row:
        return "is a trial, and the sweep's own line is missing before it"
    is_another_versions = isinstance(first.row, dict) and first.row.get("format", FORMAT) != FORMAT
    return None if is_another_versions else first.fault


def events(folder: Path) -> Iterator[Trial]:
    """Every state that every trial of the folder's sweep has been in, in the order in which they were written."""
    path, has_whole_paths = folder / JOURNAL_FILE, False
    for line in lines(path):
        if line.number == 1:
            has_whole_paths = isinstance(line.row, dict) and ID not in line.row
            continue
        if line.fault:
            raise BadJournal(path, line.number, line.fault)
        yield resolved(from_row(line.row), folder, has_whole_paths)


def trials(folder: Path) -> list[Trial]:
    """Each trial in its last state, in the order of their numbers."""
    return sorted(last_states(folder), key=lambda trial: trial.index)


def last_states(folder: Path) -> list[Trial]:
    """Each trial in its last state, in the order in which the trials entered these states."""
    last: dict[int, Trial] = {}
    for trial in events(folder):
        last.pop(trial.index, None)
        last[trial.index] = trial
    return list(last.values())
