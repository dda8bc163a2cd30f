"""Interrupting a computation in another thread, such as a model fit that nobody needs any more."""

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import TypeVar

END_SECONDS = 5.0
AGAIN_SECONDS = 0.05

Result = TypeVar("Result")
_CURRENT = threading.local()


class Interruptible:
    """Ends the work of one thread by raising SystemExit in it.

    A daemon thread would not do: at exit Python ends it when it returns from C++, and that aborts the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work: list[int] = []
        self.is_over = False

    def run(self, work: Callable[[], Result]) -> Result:
        """Do the work. After :meth:`end` was called, this raises SystemExit in the work, or instead of it."""
        try:
            _CURRENT.interruptible = self
            self._begin()
            return work()
        finally:
            # The exception can be raised at any bytecode; clear() is a single one.
            self._at_work.clear()
            # An exception that is already on its way is raised here, not in what the thread does next.
            with self._lock:
                pass

    def end(self) -> None:
        """Interrupt the work, and return when it has ended, or after 5 s: one call into C++ can take long."""
        until = time.monotonic() + END_SECONDS
        while self._interrupt() and time.monotonic() < until:
            # Repeated, because code in the work may catch the exception.
            time.sleep(AGAIN_SECONDS)

    @contextmanager
    def _uninterrupted(self) -> Iterator[None]:
        with self._lock:
            self._at_work.clear()
        try:
            yield
        finally:
            self._begin()

    def _begin(self) -> None:
        with self._lock:
            if self.is_over:
                raise SystemExit
            self._at_work.append(threading.get_ident())

    def _interrupt(self) -> bool:
        with self._lock:
            self.is_over = True
            threads = tuple(self._at_work)
            # A thread that waits for the interpreter gets it after 5 ms at the earliest: it is still where it is seen.
            frames = sys._current_frames()
            for thread in threads:
                if _may_end_in(frames.get(thread)):
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(SystemExit))
        return bool(threads)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Spare this part of an interruptible work, as an import: a module that is half imported cannot be imported again.

    :meth:`Interruptible.end` does not wait for it. The work ends right after it.
    """
    current = getattr(_CURRENT, "interruptible", None)
    with current._uninterrupted() if current else nullcontext():
        yield


def _may_end_in(frame: FrameType | None) -> bool:
    """Whether an exception in this frame leaves no lock behind that is never released, and no half of a module.

    The standard library acquires locks, as that of ``logging``, before the ``try`` that would release them.
    """
    if frame is None or _module(frame) in sys.stdlib_module_names:
        return False
    while frame is not None and _module(frame) != "importlib":
        frame = frame.f_back
    return frame is None


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
