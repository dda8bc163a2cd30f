"""The complete lines of a journal, each as a JSON object or with the reason why it is none."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ax_moo.storage.journal.schema import header_complaint, trial_complaint
from ax_moo.system.errors import ConfigError
from ax_moo.system.regular_files import open_regular
from ax_moo.system.text import error_line, quoted

LONGEST_LINE = 1 << 26


class BadJournal(ConfigError):
    """A line of the journal cannot be what a sweep has written there."""

    def __init__(self, path: Path, number: int, what: str) -> None:
        self.what = what
        super().__init__(
            f"{path}: line {number} {what}; put a copy of the file in its place, or see what is lost without that"
            f" line: ax-moo doctor {quoted(path.parent)}"
        )


@dataclass(frozen=True)
class Line:
    """A line by its number, which begins at 1. ``fault`` completes the sentence "line 3 ..."."""

    number: int
    row: Any
    fault: str | None


def lines(path: Path) -> Iterator[Line]:
    """Every complete line; none where there is no file. What follows the last complete line is not read.

    Raises:
        ConfigError: the file cannot be read.
    """
    with _open(path) as file:
        number = 1
        while line := file.readline(LONGEST_LINE):
            if not line.endswith(b"\n"):
                if len(line) == LONGEST_LINE:
                    yield Line(number, None, f"is not what the sweep wrote (it has more than {LONGEST_LINE} bytes)")
                return
            yield _read(number, line)
            number += 1


def _open(path: Path) -> IO[bytes]:
    try:
        return open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return io.BytesIO()
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(f"{path} cannot be read: {why}; make it readable, or name another folder") from None


def _read(number: int, line: bytes) -> Line:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else _why(line, error)
        return Line(number, None, f"is not what the sweep wrote ({why})")
    complaint = header_complaint(row) if number == 1 else trial_complaint(row)
    what = "the first line of a sweep" if number == 1 else "a trial"
    return Line(number, row, complaint and f"is not {what} ({complaint})")


def _why(line: bytes, error: ValueError) -> str:
    return "it holds zero bytes" if b"\0" in line else error_line(error)
