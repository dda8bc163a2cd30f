"""Printing to a terminal or pipe that may be gone."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def while_somebody_listens() -> Iterator[None]:
    """Ignore a terminal or pipe that is gone: it must change neither what the program does nor its exit code."""
    try:
        yield
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):
                os.dup2(nowhere, stream.fileno())


def say(text: str) -> None:
    """Print a line to standard output, if somebody still reads it."""
    with while_somebody_listens():
        print(text, flush=True)


def say_as_error(text: str) -> None:
    """Print a line to standard error, if somebody still reads it."""
    with while_somebody_listens():
        print(text, file=sys.stderr, flush=True)


def shows_output() -> bool:
    """Whether standard output is a terminal; it may be an object of the application's, which cannot say so."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):
        return False
