"""Which signals came, under whatever else handles them."""

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


def _noting(came: set[int], handler: Callable[[int, Any], Any]) -> Callable[[int, Any], None]:
    def note(number: int, frame: Any) -> None:
        came.add(number)
        handler(number, frame)

    return note
