"""Signal handling: Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt, but not while a job is being submitted."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ax_moo.system.errors import ConfigError

Handler = Callable[[int, Any], Any]
Found = Handler | int | None

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_EVENT_S = 1.0
"""A closed terminal or systemd sends two different signals at once. Within this time the second says nothing new."""


_PREEMPT_SIGNAL = "SUBMITIT_PREEMPT_SIGNAL"
"""Submitit's variable for the signal that tells a job of its near end."""
_OF_ANOTHER_MEANING = {"KILL", "STOP", "TERM", "CONT", "INT"}
"""Signals that no job can handle, or that end it or let it go on."""

_PR_SET_PDEATHSIG = 1


class Terminated(KeyboardInterrupt):
    """A batch system or a closed terminal ends the process, so that nobody can press Ctrl-C again."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _Latest:
    """The signal that was raised last: its number, and when that was."""

    number: int | None = None
    time = 0.0


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise Terminated. A signal that is ignored, as under nohup, stays ignored."""
    with (
        _handled(lambda found: None if found is signal.SIG_IGN else _interrupt, signal.SIGTERM, signal.SIGHUP),
        _handled(lambda found: _interrupt if found is signal.default_int_handler else None, signal.SIGINT),
    ):
        _Latest.number = None
        yield


@contextmanager
def deferred() -> Iterator[None]:
    """Defer a signal that comes within the block: KeyboardInterrupt or Terminated is raised at the block's end.

    A second signal is raised at once, because the scheduler may hang.
    """
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        if _is_an_echo(number):
            return
        if came:
            _raise(number)
        came.append(number)
        _remember(number)

    # An ignored signal, such as SIGHUP under nohup, stays ignored.
    with _handled(lambda found: note if callable(found) else None, *_SIGNALS):
        yield
    if came:
        _raise(came[0])


@contextmanager
def reraised() -> Iterator[None]:
    """Raise a signal that came within the block again at its end, whatever the code in the block did about it.

    Lightning, for example, turns Ctrl-C into its own exit, which would look like the failure of one training.
    """
    came: list[int] = []
    with _handled(_chained(came.append), *_SIGNALS):
        try:
            yield
        finally:
            if came:
                _raise(came[0])


@contextmanager
def recorded(*numbers: int, default: Handler | None = None) -> Iterator[set[int]]:
    """The set of these signals that have come so far; the earlier handlers are still called.

    ``default`` handles a signal that would end the process; without ``default`` that signal ends it. Code in the block
    that installs a handler must call the handler it replaces, as Lightning does. Outside the main thread no signal
    is recorded.
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
    """Within the block, replace each signal's handler by ``instead(handler)``; None keeps the handler."""
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
    if not _is_an_echo(number):
        _raise(number)


def _raise(number: int) -> None:
    _remember(number)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


def _remember(number: int) -> None:
    _Latest.number, _Latest.time = number, time.monotonic()


def _is_an_echo(number: int) -> bool:
    """Whether the signal belongs to the event that sent the one before. The same signal again is a new event."""
    return _Latest.number not in (None, number) and time.monotonic() - _Latest.time < _ONE_EVENT_S


def warning_signal() -> signal.Signals:
    """The signal that a job of Submitit's gets before its time limit and when it is preempted."""
    name = os.environ.get(_PREEMPT_SIGNAL, "USR2")
    return signal.Signals[f"SIG{name.removeprefix('SIG')}"]


def check_warning_signal() -> None:
    """Raise a ConfigError if Submitit or a job cannot handle the signal that the environment names."""
    name = os.environ.get(_PREEMPT_SIGNAL, "USR2")
    known = {each.name.removeprefix("SIG") for each in signal.Signals}
    if name not in known - _OF_ANOTHER_MEANING:
        raise ConfigError(
            f"{_PREEMPT_SIGNAL}: must be the name of a signal without SIG, such as USR2 or USR1, got {name!r}; it is a "
            "variable of the environment"
        )


def hold_back(number: int) -> None:
    """Block a signal, here and in the programs started from here: before its handler is set it would kill them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})


@contextmanager
def let_in(number: int) -> Iterator[None]:
    """Unblock a signal within the block; a signal that is already waiting is handled at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    try:
        yield
    finally:
        hold_back(number)


def be_killed_after_parent() -> None:
    """Let the system kill this process when its parent ends, where it can do that."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
