"""What a process hands down to those it starts, besides its environment."""

import os
import re
import resource
import signal
from pathlib import Path


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
