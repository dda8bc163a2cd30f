"""Work in another thread that nobody needs any more."""

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

END_SECONDS = 5.0
_AGAIN_SECONDS = 0.05


class Interruptible:
    """Ends the work of one thread by an exception in it.

    A daemon thread is no way out: Python ends it at its next step out of C++, which aborts the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._is_over = False
        self._is_idle = threading.Event()
        self._is_idle.set()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """SystemExit is raised in the block, or instead of it, once :meth:`end` was called."""
        self._begin()
        try:
            yield
        finally:
            self._leave()

    def end(self) -> None:
        """Return once no block is being run, or after a while: one call into C++ can take long."""
        until = time.monotonic() + END_SECONDS
        while self._interrupt() and time.monotonic() < until:
            # Again and again, since somebody on the way may have caught the exception.
            self._is_idle.wait(_AGAIN_SECONDS)

    def _begin(self) -> None:
        with self._lock:
            if self._is_over:
                raise SystemExit
            self._thread = threading.get_ident()
            self._is_idle.clear()

    def _leave(self) -> None:
        with self._lock:
            self._thread = None
            self._is_idle.set()

    def _interrupt(self) -> bool:
        with self._lock:
            self._is_over = True
            if self._thread is None:
                return False
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(SystemExit))
            return True
