"""The command line that other processes see of this one: a fork has its parent's, until it writes its own."""

import ctypes
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

LEAST_BYTES = 8192
"""So long a command line has room for that of any job."""

_PR_SET_MM, _PR_SET_MM_MAP = 35, 14
_PLACES = (26, 27, 45, 46, 47, 0, 28, 48, 49, 50, 51)
"""Where /proc/self/stat has the members of the kernel's ``prctl_mm_map``, as proc(5) counts; ``brk`` is not there."""

_BRK, _ARG_START, _ARG_END = 5, 7, 8


class _Map(ctypes.Structure):
    """The kernel's ``prctl_mm_map``: the places of a process's memory, with no new auxiliary vector and program."""

    _fields_ = (
        ("places", ctypes.c_uint64 * len(_PLACES)),
        ("auxv", ctypes.c_uint64),
        ("auxv_size", ctypes.c_uint32),
        ("exe", ctypes.c_int32),
    )


class _Room:
    end = 0


def set_command_line(words: Sequence[str]) -> None:
    """Write another command line over this process's own, where there is room: ``ps`` and psutil show it."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        fields = ["", *Path("/proc/self/stat").read_text().rpartition(")")[2].split()]
        places = [int(fields[at - 2]) if at else 0 for at in _PLACES]
        start, end = places[_ARG_START], max(places[_ARG_END], _Room.end)
        text = b"".join(word.encode(errors="surrogateescape") + b"\0" for word in words)
        if 0 < len(text) <= end - start:
            ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
            _Room.end = end
            _end_at(start + len(text), places)


def _end_at(end: int, places: list[int]) -> None:
    """Let the command line end here, where the kernel can do that; else many empty words follow."""
    system = ctypes.CDLL(None)
    system.sbrk.restype = ctypes.c_void_p
    places[_BRK], places[_ARG_END] = system.sbrk(0), end
    wanted = _Map((ctypes.c_uint64 * len(places))(*places), 0, 0, -1)
    system.prctl(
        _PR_SET_MM, _PR_SET_MM_MAP, ctypes.byref(wanted), ctypes.c_ulong(ctypes.sizeof(wanted)), ctypes.c_ulong(0)
    )
