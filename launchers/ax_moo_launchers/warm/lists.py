"""Where the list of an application's modules is kept, so that the next sweep's first trials begin warm as well."""

import hashlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from ax_moo_launchers.search_path import installed_folders


def list_file(task_function: Any, choices: Any, sweep_folder: Path) -> Path:
    """The file of an application with these config groups chosen, under this Python with these packages.

    It is in the sweep's folder where this user can keep nothing else.
    """
    chosen = sorted((str(group), str(option)) for group, option in choices.items())
    about = [*_program(task_function), chosen, *_packages()]
    name = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
    folder = _cache() / "hydra-ax-moo" / "modules"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return (folder if os.access(folder, os.W_OK) else sweep_folder) / f".modules-{name}.json"


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
    for folder in sorted(installed_folders()):
        with suppress(OSError):
            times.append([folder, os.stat(folder).st_mtime_ns])
    return [sys.executable, sys.version, times]
