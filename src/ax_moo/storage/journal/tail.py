"""Following the journal of a running sweep: each new line is read once."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.system.regular_files import open_regular


class JournalTail:
    """Yields each complete line once, with its number; the first line has the number 1.

    If the file was truncated below what was read, as it can be after a full disk, all lines are yielded again.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL_FILE
        self._begin_again()

    def new_lines(self) -> Iterator[tuple[int, str]]:
        try:
            file = open_regular(self._path)
        except OSError:
            return  # the file does not exist yet, or cannot be read at this moment
        with file:
            if self._offset and not _ends_a_line(file, self._offset):
                self._begin_again()
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                self._number += 1
                yield self._number, line[:-1].decode(errors="replace")

    def _begin_again(self) -> None:
        self._offset = 0
        self._number = 0


def _ends_a_line(file: IO[bytes], offset: int) -> bool:
    file.seek(offset - 1)
    return file.read(1) == b"\n"
