"""Ctrl-C, SIGTERM and SIGHUP end a sweep by KeyboardInterrupt, but never between a job and the note of its id."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """A batch system, or a terminal that was closed, ends the process: nobody is there to press Ctrl-C again."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise Terminated, where they are not ignored, as SIGHUP is under nohup."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    with _handled(_interrupt, *(number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN)):
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
    with _handled(note, *(number for number in _SIGNALS if callable(signal.getsignal(number)))):
        yield
    if came:
        _interrupt(came[0], None)


@contextmanager
def reraised() -> Iterator[None]:
    """Raise at the end of the block for a signal that came within it, whatever the code there made of it.

    Lightning, for one, turns Ctrl-C into an exit of its own, which would look like the failure of one training.
    """
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}

    def note(number: int, frame: Any) -> None:
        came.append(number)
        before = handlers[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    with _handled(note, *(number for number, handler in handlers.items() if callable(handler))):
        try:
            yield
        finally:
            if came:
                _interrupt(came[0], None)


@contextmanager
def _handled(handler: Callable[[int, Any], None], *numbers: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


@contextmanager
def recorded(*numbers: int, default: Callable[[int, Any], Any] | None = None) -> Iterator[set[int]]:
    """The signals of these that came so far; what handled them before still does.

    ``default`` handles those that would end the process; without it, they do. Whoever puts a handler of his own into
    the block must call the one that he found, as Lightning does. Outside of the main thread, none is seen.
    """
    came: set[int] = set()
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in numbers} if is_main else {}
    chained: set[int] = set()
    for number, found in before.items():
        handler = default if found is signal.SIG_DFL else found
        if callable(handler):
            signal.signal(number, _noting(came, handler))
            chained.add(number)
    try:
        yield came
    finally:
        for number in chained:
            signal.signal(number, before[number])


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
