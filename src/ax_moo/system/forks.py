"""Processes that an application forks, and that leave its function as the first process does."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn


@contextmanager
def ended() -> Iterator[None]:
    """End, at the end of the block, every process that was forked in it: only the first one goes on after the block.

    Otherwise each of them would write the result of the job, or go on with the sweep.
    """
    process, raised = os.getpid(), None
    try:
        yield
    except BaseException as error:
        raised = error
        raise
    finally:
        if os.getpid() != process:
            _leave(raised)


def _leave(raised: BaseException | None) -> NoReturn:
    code = 0 if raised is None else _code(raised)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def _code(error: BaseException) -> int:
    """The exit code of a process that ends by an exception, whose traceback nobody else would print."""
    if isinstance(error, SystemExit) and isinstance(error.code, int | None):
        return (error.code or 0) & 0xFF
    traceback.print_exception(error)
    return 1
