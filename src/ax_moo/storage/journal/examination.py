"""Examines a journal that may be damaged: every line that is wrong, and what is left without these lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.journal import reader as journal_reader
from ax_moo.storage.journal.check import JournalCheck, described_problem
from ax_moo.storage.journal.format import FORMAT, from_row
from ax_moo.storage.journal.lines import BadJournal, Line, lines
from ax_moo.trial import Trial


@dataclass(frozen=True)
class JournalFault:
    """Something wrong in a journal. ``what`` completes the sentence "line 3 ..."; line 0 is the file as a whole."""

    line: int
    what: str


@dataclass(frozen=True)
class Examination:
    """The faults of a journal, and its states that are right, each with its line."""

    faults: Sequence[JournalFault]
    states: Sequence[tuple[int, Trial]]
    has_gap: bool

    @property
    def first_fault(self) -> int:
        return min(fault.line for fault in self.faults)

    @property
    def left(self) -> dict[int, Trial]:
        """Each trial in the last of its states that are right."""
        return {trial.index: trial for _, trial in self.states}

    @property
    def left_by_cut(self) -> dict[int, Trial]:
        """The same, where the journal ends before its first fault."""
        return {trial.index: trial for number, trial in self.states if number < self.first_fault}

    @property
    def lost_by_cut(self) -> list[Trial]:
        """The last states that are right and come after the first fault."""
        kept = self.left_by_cut
        return [trial for trial in self.left.values() if kept.get(trial.index) != trial]


def examine(folder: Path) -> Examination:
    """Examine the journal of a sweep folder.

    Raises:
        ConfigError: the journal cannot be read at all.
    """
    path = folder / JOURNAL_FILE
    rest = lines(path)
    first = next(rest, None)
    if first is None:
        return Examination([JournalFault(0, "holds no complete line")], [], has_gap=False)
    try:
        check = _check_of(first, path)
    except BadJournal as error:
        faults = [JournalFault(line.number, line.fault) for line in rest if line.fault]
        return Examination([JournalFault(1, error.what), *faults], [], has_gap=False)
    faults, states = [], []
    for line in rest:
        trial = None if line.fault else from_row(line.row)
        complaint = check.complaint(trial) if trial else None
        if trial and complaint is None:
            check.note(line.number, trial)
            states.append((line.number, trial))
        else:
            faults.append(JournalFault(line.number, line.fault or f"cannot be true ({complaint})"))
    gap = check.gap()
    return Examination([*faults, *([JournalFault(*gap)] if gap else [])], states, has_gap=gap is not None)


def _check_of(first: Line, path: Path) -> JournalCheck:
    fault = journal_reader.header_fault(first)
    if fault is None and first.row.get("format") != FORMAT:
        fault = "is not of this version of ax_moo"
    if fault:
        raise BadJournal(path, 1, fault)
    return JournalCheck(first.row, described_problem(first.row, path))
