"""What makes a fork the process that a cold start would be: what it begins with, and how it ends."""

import atexit
import ctypes
import gc
import importlib.util
import io
import logging
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any, NoReturn

from ax_moo_launchers.warm.title import set_command_line

_PLAIN = io.BufferedReader | io.BufferedWriter | io.BufferedRandom | io.BufferedRWPair | io.BytesIO


def put_files(stdin: int, stdout: int, stderr: int, kept: Collection[int] = ()) -> None:
    """Make these the standard files, and close all others but those that are kept."""
    for number, file in enumerate((stdin, stdout, stderr)):
        os.dup2(file, number)
    for number in open_files():
        if number > 2 and number not in kept:
            os.close(number)


def put_environment(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)


def put_handlers(handlers: Mapping[int, Any]) -> None:
    """Handle signals as before; those that had handlers outside of Python keep them."""
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            with suppress(OSError, ValueError):
                signal.signal(number, handler)


def handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def forget_randomness() -> None:
    """Seed anew what a new process seeds from the system, and import nothing for it."""
    random.seed()
    of_numpy: Any = sys.modules.get("numpy.random")
    of_torch: Any = getattr(sys.modules.get("torch"), "default_generator", None)
    for generator in (of_numpy, of_torch):
        if generator is not None:
            with suppress(Exception):
                generator.seed()


def begin_now() -> None:
    """Count the relative times of the log from now, and let the main thread have its own number."""
    counts_ns = isinstance(logging._startTime, int)  # type: ignore[attr-defined]  # since Python 3.13
    logging._startTime = time.time_ns() if counts_ns else time.time()  # type: ignore[attr-defined]
    vars(threading.main_thread())["_native_id"] = threading.get_native_id()


def become(module: str, arguments: Sequence[str], options: Sequence[str]) -> Callable[[], object]:
    """Make this process look like ``python OPTIONS -m MODULE ARGUMENTS``, and return what runs it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.loader is None or spec.origin is None:
        raise ImportError(f"No module named {module!r}", name=module)
    main: Any = ModuleType("__main__", None)
    main.__spec__, main.__loader__, main.__package__ = spec, spec.loader, spec.parent
    main.__file__, main.__cached__, main.__builtins__ = spec.origin, spec.cached, __builtins__
    sys.modules["__main__"] = main
    if "__mp_main__" in sys.modules:  # multiprocessing gives it this name as well
        sys.modules["__mp_main__"] = main
    sys.argv[:] = [spec.origin, *arguments]
    sys.orig_argv[:] = command_line(module, arguments, options)
    set_command_line(sys.orig_argv)
    code = spec.loader.get_code(module)  # type: ignore[attr-defined]
    return lambda: exec(code, vars(main))


def command_line(module: str, arguments: Sequence[str], options: Sequence[str]) -> list[str]:
    return [sys.executable, *options, "-m", module, *arguments]


def run_to_the_end(run: Callable[[], object]) -> NoReturn:
    """Run a function, and end this process as Python ends, without taking every module apart."""
    code, is_interrupted = 0, False
    try:
        run()
    except SystemExit as end:
        code = _exit_code(end)
    except BaseException as error:
        is_interrupted = isinstance(error, KeyboardInterrupt)
        code = 1
        show(error)
    code = _finish() or code
    if is_interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code & 0xFF)


def _exit_code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    with suppress(Exception):
        print(end.code, file=sys.stderr)
    return 1


def show(error: BaseException) -> None:
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except Exception:
        traceback.print_exception(error)


def _finish() -> int:
    """What Python does at its end: wait for threads, call exit functions, write what is buffered."""
    for finish in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
        try:
            finish()
        except BaseException as error:
            show(error)
    code = 0
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception:
            code = 120
    _flush_files()
    return code


def _flush_files() -> None:
    """Write what files that are still open have buffered, also those of C. The parent's objects are frozen."""
    gc.collect()
    # By its type: a proxy may fail at the question for its class.
    files: list[Any] = [each for each in gc.get_objects() if issubclass(type(each), io.TextIOBase | io.BufferedIOBase)]
    texts = [each for each in files if isinstance(each, io.TextIOBase)]
    plain = [each for each in files if isinstance(each, _PLAIN)]
    compressed = [each for each in files if not isinstance(each, io.TextIOBase | _PLAIN)]
    # A text may be buffered in front of a compressed file, whose end is buffered in front of a plain one.
    for write in (*(e.flush for e in texts), *(e.close for e in compressed), *(e.flush for e in plain)):
        with suppress(Exception):
            write()
    with suppress(Exception):
        ctypes.CDLL(None).fflush(None)


def open_files() -> frozenset[int]:
    found = map(int, os.listdir("/proc/self/fd"))
    return frozenset(each for each in found if os.path.lexists(f"/proc/self/fd/{each}"))  # without that of the listing
