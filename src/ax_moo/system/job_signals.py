"""Which signals came, under whatever else handles them, and when they may come."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def noticed(*numbers: int) -> Iterator[set[int]]:
    """The signals of these that came so far; what handled them before still does.

    Whoever puts a handler of his own into the block must call the one that he found, as Lightning does.
    """
    came: set[int] = set()
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, _noting(came, handler))
    try:
        yield came
    finally:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)


def hold_back(number: int) -> None:
    """Keep a signal waiting, here and in the programs started from here: one that nobody handles yet kills."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})


@contextmanager
def let_in(number: int) -> Iterator[None]:
    """Handle a signal that was held back; one that waits is handled at once, inside the block."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    try:
        yield
    finally:
        hold_back(number)


def _noting(came: set[int], handler: Callable[[int, Any], Any]) -> Callable[[int, Any], None]:
    def note(number: int, frame: Any) -> None:
        came.add(number)
        handler(number, frame)

    return note
