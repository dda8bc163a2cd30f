"""``ax-moo doctor DIR``: says what is wrong with a sweep's files, and what would be lost by mending them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.jobs import folders
from ax_moo.jobs.ownership import Owner, owner_of
from ax_moo.storage import lock
from ax_moo.storage.folder import check_lock
from ax_moo.storage.home import original_of
from ax_moo.storage.journal import JOURNAL_FILE, PULLED, header, id_of
from ax_moo.storage.journal.examination import Examination, JournalFault, examine
from ax_moo.storage.lock_record import LOCK_FILE
from ax_moo.sweep.resuming import resume
from ax_moo.system.errors import ConfigError
from ax_moo.system.regular_files import read_regular
from ax_moo.system.terminal import say
from ax_moo.system.text import quoted
from ax_moo.trial import Trial, TrialStatus


def doctor_folder(folder: Path, as_json: bool) -> int:
    """Print what is wrong, and return 0 where nothing is, else 1. Nothing is changed."""
    folder = folder.absolute()
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder; name a sweep folder, which is one that holds {JOURNAL_FILE}")
    journal = folder / JOURNAL_FILE
    if not (journal.exists() or journal.is_symlink()):
        raise ConfigError(f"{folder} holds no sweep: it has no {JOURNAL_FILE}")
    of_trials = _trials_folders(folder)  # before the journal is read, to which a running sweep may add
    try:
        found = examine(folder)
    except ConfigError as error:
        found = Examination([JournalFault(0, str(error))], [], has_gap=False)
    faults = [{"file": JOURNAL_FILE, "line": fault.line or None, "what": fault.what} for fault in found.faults]
    faults += [{"file": LOCK_FILE, "line": None, "what": what} for what in _what_hides_the_lock(folder)]
    if not found.faults:
        faults += [{"file": JOURNAL_FILE, "line": None, "what": what} for what in _what_keeps_it_from_going_on(journal)]
        faults += [{"file": str(path), "line": None, "what": _NOBODYS} for path in _without_trial(of_trials, found)]
    notes = list(_notes(folder, found))
    if as_json:
        say(json.dumps({"folder": str(folder), "well": not faults, "faults": faults, "notes": notes, **_mends(found)}))
    else:
        for line in _report(folder, found, faults, notes):
            say(line)
    return 1 if faults else 0


_MOST_SHOWN = 20
_NOBODYS = "belongs to no trial of the journal; move it away before a trial gets its number"


def _report(folder: Path, found: Examination, faults: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> list[str]:
    if not faults:
        return [f"nothing is wrong with the sweep in {folder}: {_counts(found.left.values())}", *notes]
    said = [f"{each['file']}: line {each['line']} {each['what']}" for each in faults if each["line"]]
    said += [f"{each['file']}: {each['what']}" for each in faults if not each["line"]]
    return [f"something is wrong with the sweep in {folder}:", *said, *_how_to_mend(folder, found), *notes]


def _how_to_mend(folder: Path, found: Examination) -> Iterator[str]:
    if not found.faults:
        return
    if found.first_fault < 2:
        yield "without its first line the journal says nothing; put a copy of the file in its place"
        return
    yield f"a copy of the file mends it; else, with no sweeper running, edit {quoted(folder / JOURNAL_FILE)}:"
    if not found.has_gap:
        yield f"without these lines it tells of {_counts(found.left.values())}"
    lost = found.lost_by_cut
    which = f"; this loses the last states of {_numbers(lost)} ({_counts(lost)})" if lost else ""
    yield f"cut off before line {found.first_fault} it tells of {_counts(found.left_by_cut.values())}{which}"


def _mends(found: Examination) -> dict[str, Any]:
    """What is left of the journal without the lines that are wrong, and if it is cut off before the first of them."""
    if not found.faults or found.first_fault < 2:
        return {"without_these_lines": None, "cut": None}
    lost = sorted(trial.index for trial in found.lost_by_cut)
    cut = {"before_line": found.first_fault, "trials": _by_status(found.left_by_cut.values()), "loses": lost}
    return {"without_these_lines": None if found.has_gap else _by_status(found.left.values()), "cut": cut}


def _what_keeps_it_from_going_on(journal: Path) -> Iterator[str]:
    """What only a sweep that goes on would refuse: nothing that is shown is wrong."""
    try:
        resume.previous_run(journal.parent)
    except ConfigError as error:
        yield str(error).removeprefix(f"{journal}: ")


def _what_hides_the_lock(folder: Path) -> Iterator[str]:
    try:
        check_lock(folder)
    except ConfigError as error:
        yield str(error).removeprefix(f"{folder / LOCK_FILE} ")


def _trials_folders(folder: Path) -> dict[Path, int]:
    """The folders of the sweep's trials, and those with their jobs' own files, each with the trial's number."""
    holder = lock.holder(folder)
    try:
        begun = header(folder) or {}
    except ConfigError:
        return {}
    if PULLED in begun:
        return {}
    sweep, about = id_of(begun), {**begun, **(holder.about if holder else {})}
    owners = {path: _owner_of(path) for path in folder.iterdir()}
    found = {path: owner.trial for path, owner in owners.items() if owner is not None and owner.sweep == sweep}
    for base in {folders.of_sweep(base, folder, sweep) for base in folders.bases(folder, about)}:
        numbered = [path for path in base.iterdir() if _is_number(path.name)] if base.is_dir() else []
        found |= {path: int(path.name) for path in numbered}
    return found


def _owner_of(path: Path) -> Owner | None:
    try:
        return owner_of(path)
    except OSError:
        return None


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _without_trial(of_trials: Mapping[Path, int], found: Examination) -> list[Path]:
    return sorted(path for path, trial in of_trials.items() if trial not in found.left)


def _notes(folder: Path, found: Examination) -> Iterator[str]:
    original = original_of(folder)
    if original is not None:
        yield f"it is a copy of the sweep in {original}, and goes on when no sweeper and none of the jobs runs there"
    content = _tail(folder / JOURNAL_FILE)
    if content:
        what = f"the last line of {JOURNAL_FILE} is incomplete ({content} bytes)"
        yield f"{what}; readers ignore it, and a resume cuts it off"
    for path in sorted(folder.glob(f"{JOURNAL_FILE}.saved-*")):
        yield f"{path.name} is the journal of a sweeper that could not go on writing to {JOURNAL_FILE}"
    gone = [
        trial
        for trial in found.left.values()
        if trial.status is TrialStatus.COMPLETED
        and trial.job is not None
        and trial.job.folder
        and not Path(folder, trial.job.folder).exists()
    ]
    if gone:
        yield f"the files of the jobs of {_numbers(gone)} are gone; their results are in the journal"


def _tail(path: Path) -> int:
    """The number of bytes after the last complete line."""
    try:
        content = read_regular(path)
    except OSError:
        return 0
    return len(content) - content.rfind(b"\n") - 1


def _by_status(trials: Iterable[Trial]) -> dict[str, int]:
    return dict(Counter(str(trial.status) for trial in trials))


def _counts(trials: Iterable[Trial]) -> str:
    by_status = _by_status(trials)
    told = ", ".join(f"{number} {status.lower()}" for status, number in by_status.items())
    return f"{sum(by_status.values())} trials{f': {told}' if told else ''}"


def _numbers(trials: Sequence[Trial]) -> str:
    numbers = sorted(trial.index for trial in trials)
    shown = ", ".join(map(str, numbers[:20]))
    return (
        f"trial{'s' if len(numbers) > 1 else ''} {shown}{f' and {len(numbers) - 20} more' if len(numbers) > 20 else ''}"
    )
