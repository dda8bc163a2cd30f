"""Printing where nobody may read: a reader that has gone, a terminal that was closed, a full disk, no output at all.

What happens to the output changes neither what a program does nor its exit code.
"""

import errno
import io
import logging
import os
import re
import select
import signal
import stat
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from ax_moo.system.text import visible, visible_lines

_NOBODY_READS = {errno.EPIPE, errno.EIO, errno.ENXIO, errno.EBADF, errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN}
"""The failures of a stream that nobody will ever read again."""

_STANDARD = (0, 1, 2)

PATIENCE_SECONDS = 60.0
"""How long a sweep waits for a reader that has stopped to read: a sleeping laptop, Ctrl-S, a pager."""

_NEVER_BLOCKS = re.compile(rb"[^\n\t]{1,128}|.", re.DOTALL)
"""What a terminal takes at once if it has any room: a line break or tab, which it makes longer, is a part by itself."""


class _Lost:
    """The first failure by which standard output lost a text that somebody may still wait for."""

    error: OSError | None = None


def never_fail(patience: float | None = None) -> None:
    """From here on nothing that is written to standard output or error raises, whoever writes it.

    With ``patience`` a reader that does not read for so many seconds is waited for no longer: until it reads again,
    what is written is lost.

    The objects stay the same, because loggers and the application hold them already. Only the write of the file behind
    them is replaced, so that nothing is left in their buffers, which would fail again when Python ends.
    """
    _take_free_numbers()
    _ignore_the_signal()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - never closed
            setattr(sys, name, stream)
        for each in (getattr(sys, name), getattr(sys, f"__{name}__")):
            if isinstance(each, io.TextIOWrapper):
                _protect(each, name == "stdout", patience)


@contextmanager
def kept() -> Iterator[None]:
    """After the block, standard output and error are what they were, whatever a trial within it has put there."""
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    try:
        yield
    finally:
        for name, stream in before.items():
            left = getattr(sys, name)
            setattr(sys, name, stream)
            for handler in logging.getLogger().handlers:
                if isinstance(handler, logging.StreamHandler) and handler.stream is left:
                    handler.stream = stream  # setStream would flush what may fail


def why_lost() -> OSError | None:
    """Why a text did not get into standard output, although somebody may wait for it: its disk is full."""
    return _Lost.error


def is_gone() -> bool:
    """Whether standard output leads, or led, to a pipe without a reader or to a terminal that was closed."""
    try:
        write = _raw(sys.stdout).write
        has_lost_its_reader = isinstance(write, _Write) and write.has_lost_its_reader
        return has_lost_its_reader or _leads_to_nobody(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):
        return False


def say(text: str) -> None:
    """Print a line to standard output, if somebody still reads it."""
    _print(visible(text), sys.stdout)


def say_as_error(text: str) -> None:
    """Print a line, or one and indented ones, to standard error, if somebody still reads it."""
    _print(visible_lines(text), sys.stderr)


def shows_output() -> bool:
    """Whether standard output is a terminal; it may be an object of the application's, which cannot say so."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):
        return False


def draws_blocks() -> bool:
    """Whether standard output can show characters such as a block."""
    return str(getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def _print(text: str, stream: TextIO | None) -> None:
    """The stream may be an object of the application's, with failures of its own."""
    if stream is None:
        return
    with suppress(OSError, ValueError):
        print(text, file=stream, flush=True)


def _leads_to_nobody(number: int) -> bool:
    watched = select.poll()
    watched.register(number, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0))


def _lead_nowhere(numbers: Iterable[int]) -> None:
    with open(os.devnull, "w") as nowhere:
        for number in numbers:
            os.dup2(nowhere.fileno(), number)


def _take_free_numbers() -> None:
    """Open /dev/null where a standard stream is closed: what is opened next, such as the lock, would get its number.

    Whatever a library in C prints would then be written into that file.
    """
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            if os.open(os.devnull, os.O_RDWR) == number:
                os.set_inheritable(number, True)


def _ignore_the_signal() -> None:
    """An application may have had itself killed by a pipe without a reader, as other programs are."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGPIPE) is signal.SIG_DFL:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _protect(stream: io.TextIOWrapper, is_output: bool, patience: float | None) -> None:
    with suppress(ValueError):  # it is closed
        raw = _raw(stream)
        if isinstance(raw, io.FileIO) and "write" not in vars(raw):
            raw.write = _Write(raw, is_output, patience)  # type: ignore[method-assign]
        if stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
        if not getattr(raw, "closefd", True):  # it is Python's own, which a trial in this process may close for all
            stream.close = stream.flush  # type: ignore[method-assign]


def _raw(stream: TextIO) -> Any:
    """The file without the buffers before it."""
    return getattr(stream.buffer, "raw", stream.buffer)


class _Write:
    """Writes to a file, and gives up what it cannot write."""

    def __init__(self, raw: io.FileIO, is_output: bool, patience: float | None) -> None:
        self._raw = raw
        self._write = raw.write
        self._is_output = is_output
        self._patience = patience
        self._is_stuck = False
        self.has_lost_its_reader = False

    def __call__(self, data: Any) -> int:
        try:
            if self._patience is not None and not self._is_in_a_file():
                return self._write_what_is_read(memoryview(data).cast("B"), self._patience)
            while (written := self._write(data)) is None:
                select.select([], [self._raw], [])  # somebody has made the terminal or pipe non-blocking
            return written
        except OSError as error:
            self._give_up(error)
            return memoryview(data).nbytes

    def _write_what_is_read(self, data: memoryview, patience: float) -> int:
        """Write in parts that do not block once there is room, until there is none for too long."""
        is_pipe = stat.S_ISFIFO(os.fstat(self._raw.fileno()).st_mode)
        at = 0
        while at < data.nbytes and self._has_room(patience):
            part = data[at : at + select.PIPE_BUF] if is_pipe else _NEVER_BLOCKS.match(data, at)[0]  # type: ignore[index]
            at += self._write(part) or 0
        return data.nbytes

    def _has_room(self, patience: float) -> bool:
        watched = select.poll()
        watched.register(self._raw.fileno(), select.POLLOUT)
        self._is_stuck = not watched.poll(0 if self._is_stuck else 1000 * patience)
        return not self._is_stuck

    def _give_up(self, error: OSError) -> None:
        # A disk may get room, and the next text is tried again.
        if error.errno not in _NOBODY_READS or self._is_in_a_file():
            if self._is_output:
                _Lost.error = _Lost.error or error
            return
        self.has_lost_its_reader = True
        # Libraries in C and programs that are started from here write there, too.
        with suppress(OSError, ValueError):
            _lead_nowhere({self._raw.fileno(), *filter(_leads_to_nobody, _STANDARD[1:])})

    def _is_in_a_file(self) -> bool:
        try:
            return stat.S_ISREG(os.fstat(self._raw.fileno()).st_mode)
        except (OSError, ValueError):
            return False
