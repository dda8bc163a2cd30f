"""Debian's packages of Slurm, and whether this machine can run them."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "slurmdbd", "munge", "mariadb-server")
_PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "sacct", "slurmdbd", "munged", "mariadbd")


def why_not_here() -> str | None:
    """Why this machine cannot run the cluster, or None."""
    if os.geteuid() != 0:
        return "the Slurm cluster needs root"
    if not Path("/etc/debian_version").exists():
        return "the Slurm cluster needs Debian's packages"
    return None


def install() -> None:
    """Debian's packages, where they are missing; by one of the processes that run tests at the same time."""
    with open(Path(tempfile.gettempdir(), "slurm-packages.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install()


def _install() -> None:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    if all(shutil.which(program, path=path) for program in _PROGRAMS):
        return
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environ, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"apt-get {command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
