"""A program that prints what it finds of itself: the same in a process that begins warm as in one that begins cold."""

import json
import logging
import os
import re
import resource
import signal
import sys
import threading
import warnings
from pathlib import Path


def state() -> dict[str, object]:
    main = sys.modules["__main__"]
    return {
        "environ": dict(sorted(os.environ.items())),
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "command line": Path("/proc/self/cmdline").read_text().rstrip("\0").split("\0"),
        "path": sys.path,
        "folder": os.getcwd(),
        "flags": str(sys.flags),
        "main": [main.__name__, main.__file__, main.__spec__ and main.__spec__.name, main.__package__, main.__doc__],
        "files": [_target(number) for number in sorted(map(int, os.listdir("/proc/self/fd")))],
        "streams": [
            [stream.name, stream.encoding, stream.errors, stream.line_buffering, stream.write_through]  # type: ignore[attr-defined]
            for stream in (sys.stdin, sys.stdout, sys.stderr)
        ],
        "handlers": {int(number): _name(signal.getsignal(number)) for number in signal.valid_signals()},
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "log": [logging.root.level, [_name(handler) for handler in logging.root.handlers]],
        "warnings": len(warnings.filters),
        "umask": _umask(),
        "nice": os.nice(0),
        "limits": [resource.getrlimit(each) for each in range(16)],
        "cores": sorted(os.sched_getaffinity(0)),
        "threads": threading.active_count(),
        "is main thread": threading.current_thread() is threading.main_thread(),
        "group": os.getpgid(0) == os.getpgid(os.getppid()),
        "children": Path("/proc/self/task", str(os.getpid()), "children").read_text(),
    }


def _name(handler: object) -> str:
    return re.sub(r" at 0x\w+", "", str(handler))


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


def _target(number: int) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return None


if __name__ == "__main__":
    print(json.dumps(state()))
