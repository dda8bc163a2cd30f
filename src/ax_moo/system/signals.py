"""Ctrl-C, SIGTERM and SIGHUP end a sweep by KeyboardInterrupt, but never between a job and the note of its id."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Handler = Callable[[int, Any], Any]
Found = Handler | int | None

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """A batch system, or a terminal that was closed, ends the process: nobody is there to press Ctrl-C again."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise Terminated, where they are not ignored, as SIGHUP is under nohup."""
    with _handled(lambda found: None if found is signal.SIG_IGN else _interrupt, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def deferred() -> Iterator[None]:
    """Raise at the end of the block for a signal that came within it: KeyboardInterrupt, or Terminated.

    A second signal is not put off: the scheduler may hang.
    """
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        if came:
            _interrupt(number, frame)
        came.append(number)

    # One that is ignored, as under nohup, stays so.
    with _handled(lambda found: note if callable(found) else None, *_SIGNALS):
        yield
    if came:
        _interrupt(came[0], None)


@contextmanager
def reraised() -> Iterator[None]:
    """Raise at the end of the block for a signal that came within it, whatever the code there made of it.

    Lightning, for one, turns Ctrl-C into an exit of its own, which would look like the failure of one training.
    """
    came: list[int] = []
    with _handled(_chained(came.append), *_SIGNALS):
        try:
            yield
        finally:
            if came:
                _interrupt(came[0], None)


@contextmanager
def recorded(*numbers: int, default: Handler | None = None) -> Iterator[set[int]]:
    """The signals of these that came so far; what handled them before still does.

    ``default`` handles those that would end the process; without it, they do. Whoever puts a handler of his own into
    the block must call the one that he found, as Lightning does. Outside of the main thread, none is seen.
    """
    came: set[int] = set()
    with _handled(_chained(came.add, default), *numbers):
        yield came


def _chained(record: Callable[[int], Any], default: Handler | None = None) -> Callable[[Found], Handler | None]:
    """Record a signal, and then handle it as before."""

    def chain(found: Found) -> Handler | None:
        handler = default if found is signal.SIG_DFL else found
        if not callable(handler):
            return None

        def note(number: int, frame: Any) -> None:
            record(number)
            handler(number, frame)

        return note

    return chain


@contextmanager
def _handled(instead: Callable[[Found], Handler | None], *numbers: int) -> Iterator[None]:
    """Within the block a signal is handled by what ``instead`` makes of its handler; None leaves that one."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before: dict[int, Found] = {}
    try:
        for number in numbers:
            found = signal.getsignal(number)
            handler = instead(found)
            if handler is not None:
                before[number] = found
                signal.signal(number, handler)
        yield
    finally:
        for number, found in before.items():
            signal.signal(number, found)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


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
