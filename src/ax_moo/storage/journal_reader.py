"""Reading a folder's journal: its header and its trials."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ax_moo.storage.journal_format import FORMAT, JOURNAL_FILE, from_line
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial


def header(folder: Path) -> dict[str, Any] | None:
    """The header of a folder's journal; None if there is no journal, or only an incomplete first line.

    Raises:
        ConfigError: this version does not know the journal's format.
    """
    path = folder / JOURNAL_FILE
    first = next(_rows(path), None)
    if first is not None and (not isinstance(first, dict) or first.get("format") != FORMAT):
        raise ConfigError(f"{path} is not a journal of this version of ax_moo; use the version that wrote it")
    return first


def events(folder: Path) -> Iterator[Trial]:
    """Every state that every trial of the folder's sweep has been in, in the order in which they were written."""
    path = folder / JOURNAL_FILE
    rows = _rows(path)
    next(rows, None)
    for number, row in enumerate(rows, start=2):
        try:
            yield from_line(row)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{path}: line {number} is not a trial ({error!r}); restore the file as the sweep wrote it"
            ) from None


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


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed by the with below
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        why = "it is a directory" if isinstance(error, IsADirectoryError) else error.strerror
        raise ConfigError(f"{path} cannot be read: {why}; make it readable, or name another folder") from None
    with file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError as error:
                raise ConfigError(
                    f"{path}: line {number} is not what the sweep wrote ({error}); restore the file, or correct that"
                    " line"
                ) from None
