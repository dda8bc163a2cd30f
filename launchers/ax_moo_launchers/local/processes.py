"""Which process a pid means: pids are given out again, and machines start again."""

import os
from enum import Enum
from pathlib import Path

import psutil

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"


def boot_of_machine() -> str:
    """What tells this run of the machine from others, where the system says it."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class Sight(Enum):
    """What can be seen of a process; HIDDEN: it is there, and the system does not let us look at it."""

    RUNS = "runs"
    ZOMBIE = "zombie"
    GONE = "gone"
    HIDDEN = "hidden"


def start_of(pid: int) -> str | None:
    """What tells a process from any other of its pid since the machine started; None where it cannot be seen.

    The kernel's own count of ticks where it can be read: times of day move when somebody sets the clock.
    """
    found = _look(pid)
    return None if found is None else found[0]


def sight_of(pid: int, start: str | None) -> Sight:
    """How the process is that had this pid and this start."""
    found = _look(pid)
    if found is None:
        return Sight.HIDDEN if _exists(pid) else Sight.GONE
    if found[0] != start:
        return Sight.GONE
    return Sight.ZOMBIE if found[1] else Sight.RUNS


def _look(pid: int) -> tuple[str, bool] | None:
    """A process's start, and whether it is a zombie."""
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


def group_members(leader: int) -> list[int]:
    """Processes of a group that have not ended."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return []
    except OSError:
        pass  # another user's, and there all the same
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
