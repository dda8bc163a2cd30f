"""The command line that other processes see of this one: a fork has its parent's, until it writes its own."""

import ctypes
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_ARG_START, _ARG_END = 48, 49
"""Places in /proc/self/stat, as proc(5) counts them from 1."""

LEAST_BYTES = 8192
"""So long a command line has room for that of any job."""


def set_command_line(words: Sequence[str]) -> None:
    """Write another command line over this process's own, where there is room: ``ps`` and psutil show it."""
    with suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[_ARG_START - 3]), int(fields[_ARG_END - 3])
        text = b"".join(word.encode(errors="surrogateescape") + b"\0" for word in words)
        if 0 < len(text) <= end - start:
            ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
