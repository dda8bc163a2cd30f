"""Debian's packages of Slurm, and whether this machine can run them."""

import os
import shutil
from pathlib import Path

import debian

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
    debian.install(PACKAGES, _are_there)


def _are_there() -> bool:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return all(shutil.which(program, path=path) for program in _PROGRAMS)
