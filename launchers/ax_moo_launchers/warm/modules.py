"""The modules that a trial has imported: what a later trial's parent imports before it.

Only modules of installed packages are named. The application's own are imported by each trial itself: they may read the
clock, the working directory or the process id when they are imported, and they may have been edited.
"""

import contextlib
import json
import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path

from ax_moo.system.disk import replace_file
from ax_moo_launchers.files import read_json
from ax_moo_launchers.search_path import package_folders

_OURS = ("ax_moo", "ax_moo_launchers", "hydra_plugins.ax_moo_sweeper", "hydra_plugins.async_submitit_launcher")
"""These are installed packages also where they are used from their sources, which are watched."""


@dataclass(frozen=True)
class Modules:
    """The names in the order of import.

    Attributes:
        before: those that were imported before ``hydra.job.env_set`` took effect.
        after: those that were imported with it.
        env_set: the variables that it set.
        changed: variables for libraries that the trial's own code has set, such as OMP_NUM_THREADS.
        left_out: the modules that a parent must not import, and why.
        sweep: the id of the sweep whose trial has written the list; sweeps of one application share it.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    env_set: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    sweep: str = ""

    @staticmethod
    def read(path: Path) -> "Modules | None":
        try:
            content = read_json(path) or {}
            before, after = (tuple(map(str, content[key])) for key in ("before", "after"))
            keys = ("env_set", "changed", "left_out")
            env_set, changed, left_out = ({str(k): str(v) for k, v in content[key].items()} for key in keys)
            return Modules(before, after, env_set, changed, left_out, str(content.get("sweep", "")))
        except (OSError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def write(self, path: Path) -> None:
        """Keep the list, if the disk lets us."""
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(asdict(self)))


def installed(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the imported modules that belong to Python, to an installed package, or to us."""
    folders = _folders()
    return tuple(name for name in names if _is_installed(name, folders))


def is_ours(name: str) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in _OURS)


def _is_installed(name: str, folders: tuple[str, ...]) -> bool:
    try:
        spec = sys.modules[name].__spec__
    except Exception:  # not only modules are there, and a lazy one may fail at any question
        return False
    if not isinstance(spec, ModuleSpec) or name in ("__main__", "__mp_main__"):
        return False
    if is_ours(name) or spec.origin in (None, "built-in", "frozen"):
        return True
    return bool(spec.origin.startswith(folders) or os.path.realpath(spec.origin).startswith(folders))


def _folders() -> tuple[str, ...]:
    found = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *package_folders()}
    return tuple({os.path.join(path, "") for folder in found for path in (folder, os.path.realpath(folder))})
