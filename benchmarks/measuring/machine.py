"""What a benchmark ran on: the machine, the versions, the commit and the time."""

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("hydra-core", "submitit", "ax-platform", "botorch", "torch", "pytorch-lightning", "wandb")
WRITTEN = ("benchmarks/results", "docs/benchmarks.md", "README.md")
"""What a run of the benchmarks writes itself: a change of these is no change of what is measured."""


def circumstances(packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """What a figure depends on. ``load`` is the load average before: a figure of a busy machine is worth little."""
    return {
        "machine": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
        "versions": {"python": platform.python_version(), **_versions(packages)},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
    }


def commit() -> str:
    """The commit that is checked out, with a plus where files differ from it; empty outside of a clone."""
    head = _git("rev-parse", "--short=12", "HEAD")
    changes = _git("status", "--porcelain", "--", ".", *(f":!{path}" for path in WRITTEN))
    return f"{head}+" if head and changes else head


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
