"""Saying things to somebody who may have gone away."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def while_somebody_listens() -> Iterator[None]:
    """A terminal or pipe that is gone must change neither what is done nor the exit code."""
    try:
        yield
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())


def say(text: str) -> None:
    """Print a line to standard output, if it is still there."""
    with while_somebody_listens():
        print(text, flush=True)
