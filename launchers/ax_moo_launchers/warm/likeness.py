"""Whether a process would be what a fork of a parent is: both have inherited the same, as far as imports look at it."""

import os
import re
import resource
import signal
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ax_moo_launchers.warm.modules import Modules
from ax_moo_launchers.warm.origin import is_read, is_read_at_import


class Likeness:
    """What a parent has inherited at its start: this environment, and the rest from this process."""

    def __init__(self, modules_file: Path, environ: Mapping[str, str], own_variables: Collection[str]) -> None:
        self._modules_file = modules_file
        self._environ = environ
        self._own_variables = own_variables
        self._inherited = inherited()
        self._list = _version(modules_file)

    def why_other(self, environ: Mapping[str, str], about: Mapping[str, Any], sweep: str = "") -> str | None:
        """In what a process with this environment would differ; ``about`` is what the parent says of its imports.

        ``sweep`` is the id of the process's sweep; without one all trials that write the list count.
        """
        if (now := inherited()) != self._inherited:
            return next(f"the sweep's {name} has changed" for name in now if now[name] != self._inherited[name])
        names = {*environ, *self._environ}.difference(self._own_variables)
        read = frozenset(about.get("read", ()))
        other = sorted(n for n in names if environ.get(n) != self._environ.get(n) and is_read(n, read))
        return f"the environment variable {other[0]} has changed" if other else self._why_another_list(about, sweep)

    def _why_another_list(self, about: Mapping[str, Any], sweep: str) -> str | None:
        """Whether a trial has set variables for libraries otherwise than that from whose list the parent was made."""
        version = _version(self._modules_file)
        if version == self._list:
            return None
        self._list, modules = version, Modules.read(self._modules_file)
        if modules is None or (sweep and modules.sweep not in ("", sweep)):
            return None  # two sweeps at once would have new parents made in turn
        now, made, read = modules.changed, about.get("changed", {}), about.get("read", ())
        other = sorted(n for n in {*now, *made} if now.get(n) != made.get(n) and is_read_at_import(n, read))
        return f"a trial has set {other[0]} to another value" if other else None


def inherited() -> dict[str, object]:
    """Folder, umask, niceness, limits, cores and ignored signals of this process, by what they are called."""
    ignored = [number for number in signal.valid_signals() if signal.getsignal(number) == signal.SIG_IGN]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return {
        "working directory": os.getcwd(),
        "umask": _umask(),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": [(name, resource.getrlimit(getattr(resource, name))) for name in _limits()],
        "cores": cores,
        "set of ignored signals": ignored,
    }


def _limits() -> list[str]:
    return [name for name in dir(resource) if name.startswith("RLIMIT_")]


def _umask() -> str:
    """Read from the system: to ask for it with ``os.umask`` would set it for a moment."""
    found = re.search(r"^Umask:\s*(\S+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return found[1] if found else ""


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
