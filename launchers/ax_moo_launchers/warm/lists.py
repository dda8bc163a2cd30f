"""Where the list of an application's modules is kept, so that the next sweep's first trials begin warm as well."""

import hashlib
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ax_moo_launchers.search_path import package_folders

_MOST, _KEPT_S = 100, 90 * 24 * 3600.0


def list_file(task_function: Any, choices: Any, env_set: Any, sweep_folder: Path, *kind: str) -> Path:
    """The file of an application with these config groups chosen, under this Python with these packages.

    It is in the sweep's folder where this user can keep nothing else. ``env_set`` are the variables that
    ``hydra.job.env_set`` gives trials before they import, and ``kind`` tells apart the processes in which they import
    otherwise, such as those of another Python on Slurm.
    """
    chosen, own = (sorted((str(key), str(value)) for key, value in each.items()) for each in (choices, env_set))
    about = [*_program(task_function), chosen, own, *_packages(), *kind]
    name = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
    folder = _cache() / "hydra-ax-moo" / "modules"
    with suppress(OSError):
        if folder.is_absolute():  # not so where the user has no home
            folder.mkdir(parents=True, exist_ok=True)
    is_usable = folder.is_absolute() and os.path.isdir(folder) and os.access(folder, os.W_OK)
    path = (folder if is_usable else sweep_folder) / f".modules-{name}.json"
    with suppress(OSError):
        os.utime(path)  # so that it counts as used
    if is_usable:
        _remove_unused(folder)
    return path


def _remove_unused(folder: Path) -> None:
    """Keep the lists that were used last: the name of each changes with every installation of a package."""
    used: list[tuple[float, Path]] = []
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):  # another sweep has removed it
                used.append((path.stat().st_mtime, path))
    oldest = time.time() - _KEPT_S
    for place, (at, path) in enumerate(sorted(used, reverse=True)):
        if place >= _MOST or at < oldest:
            with suppress(OSError):
                path.unlink()


def _cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):
        return Path(given)
    return Path(os.path.expanduser("~")) / ".cache"


def _program(task_function: Any) -> list[str]:
    script = getattr(sys.modules["__main__"], "__file__", None)
    code = getattr(task_function, "__code__", None)
    name = f"{getattr(task_function, '__module__', '')}.{getattr(task_function, '__qualname__', '')}"
    return [os.path.abspath(script) if script else "", getattr(code, "co_filename", ""), name]


def _packages() -> list[object]:
    """The Python, and when something was installed for it last."""
    times: list[object] = []
    for folder in sorted(package_folders()):
        with suppress(OSError):
            times.append([folder, os.stat(folder).st_mtime_ns])
    return [sys.executable, sys.version, times]
