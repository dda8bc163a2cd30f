"""How often the kernel has killed a process of this Slurm job because of its memory."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def memory_kills(membership: Path = _MEMBERSHIP, cgroups: Path = _CGROUPS) -> int:
    """The number that this process's memory cgroup counts; 0 where there is none."""
    for file in _files(membership, cgroups):
        with contextlib.suppress(OSError):
            match = _KILLS.search(file.read_text())
            if match:
                return int(match.group(1))
    return 0


def _files(membership: Path, cgroups: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError, ValueError):
        for line in membership.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield cgroups / path.lstrip("/") / "memory.events"
            elif "memory" in controllers.split(","):
                yield cgroups / "memory" / path.lstrip("/") / "memory.oom_control"
