"""The processes that a trial has started with its own command line: they end with it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_GRACE_S = 10.0
_GRACE_AFTER_FAILURE_S = 1.0


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
    if found:
        _, left = psutil.wait_procs(found, grace_s)
        for process in left:
            process.kill()
        psutil.wait_procs(left, _GRACE_S)


def _ranks() -> list[psutil.Process]:
    ours, found = set(sys.argv[1:]), []
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            if ours and ours <= set(process.cmdline()):
                found.append(process)
        except psutil.Error:  # it has ended
            continue
    return found
