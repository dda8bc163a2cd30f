"""Identifying processes: a pid alone is not enough, because pids are reused and machines are rebooted."""

import os
from enum import Enum
from pathlib import Path

import psutil

_PROC = Path("/proc")
_OURS = "ax_moo_launchers"
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"


def boot_of_machine() -> str:
    """The id of this boot of the machine; empty if the system has none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class Sight(Enum):
    """What can be seen of a process. HIDDEN means that it exists, but the system does not let us examine it."""

    RUNS = "runs"
    ZOMBIE = "zombie"
    GONE = "gone"
    HIDDEN = "hidden"


def start_of(pid: int) -> str | None:
    """The start of a process, which tells it from others with its pid in this boot; None if it cannot be examined.

    The kernel's count of ticks is used where it can be read: times of day change when somebody sets the clock.
    """
    found = _look(pid)
    return None if found is None else found[0]


def sight_of(pid: int, start: str | None) -> Sight:
    """The state of the process that had this pid and this start."""
    found = _look(pid)
    if found is None:
        return Sight.HIDDEN if _exists(pid) else Sight.GONE
    if found[0] != start:
        return Sight.GONE
    return Sight.ZOMBIE if found[1] else Sight.RUNS


def _look(pid: int) -> tuple[str, bool] | None:
    """A process's start, and whether the process is a zombie."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return fields[19], fields[0] == "Z"
    except (OSError, IndexError):
        pass
    try:
        process = psutil.Process(pid)
        return f"{process.create_time():.1f}", bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def is_one_of_ours(pid: int) -> bool:
    """Whether a process is this user's and runs code of ours, as far as the system shows it.

    It says whether the process may be sent a signal, because its record may be forged, and not whether the job runs.
    """
    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        return process.uids().effective == os.geteuid() and (not words or any(_OURS in word for word in words))
    except psutil.Error:
        return True  # it cannot be examined, and the record of its start is ours


def group_members(leader: int) -> list[int]:
    """The processes of a group that have not ended."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return []
    except OSError:
        pass  # the group is another user's, but it exists
    return [
        process.pid
        for process in psutil.process_iter(["status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE and _group(process.pid) == leader
    ]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None
