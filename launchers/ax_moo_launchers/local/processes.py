"""Which process a pid means: pids are given out again, and machines start again."""

import os
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_of_machine() -> str:
    """What tells this run of the machine from others, where the system says it."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def start_of(pid: int) -> str | None:
    """What tells a process from any other of its pid since the machine started; None where there is none.

    The kernel's own count of ticks where it can be read: times of day move when somebody sets the clock.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        return f"{psutil.Process(pid).create_time():.1f}"
    except psutil.NoSuchProcess:
        return None


def is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def group_members(leader: int) -> list[int]:
    """Processes of a group that have not ended."""
    try:
        os.killpg(leader, 0)
    except OSError:
        return []
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
