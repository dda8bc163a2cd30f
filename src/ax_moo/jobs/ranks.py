"""The processes that a trial has started with its own command line: they end with it."""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_GRACE_S = 10.0
_GRACE_AFTER_FAILURE_S = 1.0
_OBSERVER = "child-process-observer"


@contextmanager
def end_ranks() -> Iterator[None]:
    """End, after the block, the processes that were started in it with this one's ``sys.argv``.

    They have little left to do, unless they wait for a rank that does not answer any more.
    """
    try:
        yield
    except BaseException:
        _end(_GRACE_AFTER_FAILURE_S)
        raise
    _end(_GRACE_S)


def _end(grace_s: float) -> None:
    found = _ranks()
    _end_observation()
    if found:
        _, left = psutil.wait_procs(found, grace_s)
        for process in left:
            process.kill()
        psutil.wait_procs(left, _GRACE_S)


def _end_observation() -> None:
    """Keep Lightning's thread from killing this process because a rank has failed, or was ended here.

    It looks every five seconds at the ranks that it has started. By now the trial's end is known, and with ``basic``
    the next trial runs in this process.
    """
    if not any(thread.name == _OBSERVER for thread in threading.enumerate()):
        return
    ours = set(sys.argv[1:])
    for each in gc.get_objects():
        if type(each) is subprocess.Popen and isinstance(each.args, list) and ours <= set(each.args):
            each.poll()
            each.returncode = 0


def _ranks() -> list[psutil.Process]:
    ours, found = set(sys.argv[1:]), []
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            if ours and ours <= set(process.cmdline()):
                found.append(process)
        except psutil.Error:  # it has ended
            continue
    return found
