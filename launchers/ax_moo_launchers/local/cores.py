"""The number of CPU cores that this process may use."""

import os
from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def available_cores() -> int:
    """The cores that CPU affinity and cgroups allow, at least 1: a container may have fewer than its machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota()
    return max(1, cores if quota is None else min(cores, int(quota)))


def cgroup_quota(membership: Path = _MEMBERSHIP, cgroups: Path = _CGROUPS) -> float | None:
    """The limit of this process's cgroups on CPU time, in cores; None if they do not limit it."""
    quotas = [_quota(group) for group in _groups(membership, cgroups)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _groups(membership: Path, cgroups: Path) -> Iterator[Path]:
    """The folders of this process's cgroups and of their parents, as far as a container shows them."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = cgroups / controllers
        group = top / path.lstrip("/")
        yield group
        yield from (parent for parent in group.parents if parent == top or top in parent.parents)


def _quota(group: Path) -> float | None:
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        cores = float(quota) / float(period)
    except (OSError, ValueError):
        return None  # also for the value "max"
    return cores if cores > 0 else None
