"""A small file that can be written on a full disk."""

import contextlib
from pathlib import Path

from ax_moo.system.disk import replace_file

_BYTES = 1024


class KeptPlace:
    """Room for a file that is written later, kept from now on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = path.with_name(f"{path.name}.tmp")
        with contextlib.suppress(OSError):
            self._place.write_text(" " * _BYTES)

    def write(self, text: str) -> None:
        if not self._place.exists():
            replace_file(self.path, text)
            return
        with open(self._place, "r+") as file:
            file.write(text)
            file.truncate()
        self._place.rename(self.path)

    def give_up(self) -> None:
        self._place.unlink(missing_ok=True)
