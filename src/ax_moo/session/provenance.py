"""Records what is needed to run a sweep again: the command, the versions of packages and the git commit."""

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
"""The limit for git, which can take very long on a network file system."""

_SWEEPS_OWN = ("hydra/sweeper", "hydra.sweeper", "hydra/launcher", "hydra.launcher", "hydra.sweep.", "hydra.mode")


def command() -> str:
    """The command line of this process, including the interpreter's options such as ``-m package.module``."""
    return shlex.join(_words())


def training_command(hydra_overrides: Sequence[str]) -> str:
    """The command that runs one training instead of the sweep; the caller adds the trial's overrides.

    ``hydra_overrides`` are the sweep's overrides of ``hydra.*``; those of the sweeper and the launcher are left out.
    """
    words = _words()
    program = words[: len(words) - len(sys.argv[1:])]
    kept = [each for each in hydra_overrides if not each.lstrip("+~").startswith(_SWEEPS_OWN)]
    return shlex.join([*program, *_config_flags(sys.argv[1:]), *kept])


def provenance(cwd: str) -> Mapping[str, Any]:
    """The versions of ``python`` and of packages, and ``git``: the commit, and whether ``cwd`` differs from it."""
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
    """The options of the command line that say where the application's config is."""
    parsed = hydra_internals.known_arguments(arguments)
    flags = {
        "--config-path": parsed.config_path,
        "--config-name": parsed.config_name,
        "--config-dir": parsed.config_dir,
    }
    return [word for flag, value in flags.items() if value for word in (flag, value)]


def _git(cwd: str) -> dict[str, Any] | None:
    commit = _git_output(cwd, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git_output(cwd, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit.strip(), "dirty": None if changes is None else bool(changes.strip())}


def _git_output(cwd: str, *arguments: str) -> str | None:
    try:
        ended = subprocess.run(
            ["git", "-C", cwd, *arguments],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout if ended.returncode == 0 else None
