"""What a sweep has to say so that somebody else can run it again: command, versions, state of the source."""

import contextlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ax_moo.system import hydra_internals

PACKAGES = (
    "hydra-ax-moo",
    "ax-platform",
    "botorch",
    "torch",
    "hydra-core",
    "omegaconf",
    "submitit",
    "pytorch-lightning",
    "wandb",
)
GIT_SECONDS = 5.0
"""Git on a network file system can take very long, and nobody waits for a commit's name."""

_SWEEPS_OWN = ("hydra/sweeper", "hydra.sweeper", "hydra/launcher", "hydra.launcher", "hydra.sweep.", "hydra.mode")


def command() -> str:
    """The command of this process, with ``-m package.module`` and all other options of the interpreter."""
    return shlex.join(_words())


def training_command(hydra_overrides: Sequence[str]) -> str:
    """The command that runs one training instead of the sweep, to which its task overrides are to be added.

    ``hydra_overrides`` are the sweep's own of ``hydra.*``; those that say how it is swept are left out.
    """
    words = _words()
    program = words[: len(words) - len(sys.argv[1:])]
    kept = [each for each in hydra_overrides if not each.lstrip("+~").startswith(_SWEEPS_OWN)]
    return shlex.join([*program, *_config_flags(sys.argv[1:]), *kept])


def provenance(cwd: str) -> Mapping[str, Any]:
    """``python``, ``versions`` of what is installed, and ``git``: commit and whether ``cwd`` differs from it."""
    return {"python": platform.python_version(), "versions": versions(), "git": _git(cwd)}


def versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _words() -> list[str]:
    return [sys.executable, *sys.orig_argv[1:]]


def _config_flags(arguments: Sequence[str]) -> list[str]:
    """Where the application's config is, in so far as the command line says it."""
    parsed = hydra_internals.known_arguments(arguments)
    flags = {
        "--config-path": parsed.config_path,
        "--config-name": parsed.config_name,
        "--config-dir": parsed.config_dir,
    }
    return [word for flag, value in flags.items() if value for word in (flag, value)]


def _git(cwd: str) -> dict[str, Any] | None:
    commit = _git_says(cwd, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git_says(cwd, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit.strip(), "dirty": None if changes is None else bool(changes.strip())}


def _git_says(cwd: str, *arguments: str) -> str | None:
    try:
        said = subprocess.run(
            ["git", "-C", cwd, *arguments],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout if said.returncode == 0 else None
