"""Debian's packages, installed where tests need them and they are missing."""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path


def install(packages: tuple[str, ...], is_there: Callable[[], bool]) -> None:
    """By one of the processes that run tests at the same time, and never two at once: apt-get refuses a second one."""
    with open(Path(tempfile.gettempdir(), "debian-packages.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_there():
            _install(packages)


def _install(packages: tuple[str, ...]) -> None:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environ, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"apt-get {command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
