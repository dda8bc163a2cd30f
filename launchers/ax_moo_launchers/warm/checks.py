"""Why this process may not be forked for a trial: each fork must be what a process of its own would be."""

import ctypes
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ax_moo_launchers.search_path import package_folders
from ax_moo_launchers.warm.modules import installed, is_ours
from ax_moo_launchers.warm.notice import has_one_thread, shared_memory

_NOT_INITIALIZED = 3
"""CUDA_ERROR_NOT_INITIALIZED: the driver's answer to every question before ``cuInit``."""


def why_unfit() -> str | None:
    """One reason, in words; None if there is none. Only this process can ask, between two forks."""
    if not has_one_thread():
        return "a module has started a thread"
    if (library := initialized_cuda()) is not None:
        return f"a module has initialized CUDA ({library}), and no fork could use it"
    shared = shared_memory()
    return f"forks would share {min(shared)}" if shared else None


def initialized_cuda() -> str | None:
    """The CUDA driver's library, if somebody has initialized it here. torch does not know it of other libraries."""
    for path in _loaded_drivers():
        try:
            count = ctypes.c_int(0)
            answer = ctypes.CDLL(path, mode=os.RTLD_NOLOAD).cuDeviceGetCount(ctypes.byref(count))
        except (OSError, AttributeError):
            continue
        if answer != _NOT_INITIALIZED:
            return path
    return None


def _loaded_drivers() -> list[str]:
    lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    paths = {line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) > 5}
    return sorted(path for path in paths if os.path.basename(path).startswith("libcuda.so"))


class Sources:
    """The files of imported modules as they were: an edit must not run in its old form.

    Of installed packages the folders are enough, in which an installation changes names.
    """

    def __init__(self) -> None:
        self._seen = {path: _state(path) for path in _files()}

    def why_changed(self) -> str | None:
        for path, state in self._seen.items():
            if _state(path) != state:
                return f"{path} has changed"
        return None


def _files() -> Iterable[str]:
    modules = dict(sys.modules)
    known = _without_ours(installed(modules))
    for name, module in modules.items():
        with suppress(Exception):  # a lazy module may fail at any question
            origin = getattr(module.__spec__, "origin", None)
            if name not in known and isinstance(origin, str) and os.path.isfile(origin):
                yield origin
    yield from package_folders()


def _without_ours(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name in names if not is_ours(name))


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
