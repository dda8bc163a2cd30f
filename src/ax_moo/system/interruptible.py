"""Work in another thread that nobody needs any more."""

import ctypes
import threading
import time
from collections.abc import Callable
from typing import TypeVar

END_SECONDS = 5.0
AGAIN_SECONDS = 0.05

Result = TypeVar("Result")


class Interruptible:
    """Ends the work of one thread by an exception in it.

    A daemon thread is no way out: Python ends it at its next step out of C++, which aborts the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work: list[int] = []
        self.is_over = False

    def run(self, work: Callable[[], Result]) -> Result:
        """Raises SystemExit in the work, or instead of it, once :meth:`end` was called."""
        try:
            self._begin()
            return work()
        finally:
            # An exception can come at every step of Python, and this is a single one.
            self._at_work.clear()
            # One that is on its way comes here, and not in what the thread does next.
            with self._lock:
                pass

    def end(self) -> None:
        """Return once no work is being done, or after a while: one call into C++ can take long."""
        until = time.monotonic() + END_SECONDS
        while self._interrupt() and time.monotonic() < until:
            # Again and again, since somebody on the way may have caught the exception.
            time.sleep(AGAIN_SECONDS)

    def _begin(self) -> None:
        with self._lock:
            if self.is_over:
                raise SystemExit
            self._at_work.append(threading.get_ident())

    def _interrupt(self) -> bool:
        with self._lock:
            self.is_over = True
            threads = tuple(self._at_work)
            for thread in threads:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(SystemExit))
        return bool(threads)
