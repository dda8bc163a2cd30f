"""What an import has left in this process that no fork may share: a thread, a process, an open file, a temporary one.

Also a look at a variable that each job has for itself, such as its GPUs: a fork would have the parent's answer.
"""

import functools
import os
import stat
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_SELF = Path("/proc/self")
_SHARED = "rw-s"


class Notice:
    """Answers what is new since the last question.

    ``own`` are the variables that each job has for itself. ``read`` is filled with all those that are looked at, and
    ``given`` with those that imports set, or would set if they were not there.
    """

    def __init__(self, own: Collection[str] = ()) -> None:
        self._own = own
        self.read: set[str] = set()
        self.given: set[str] = set()
        self._asked_for: list[str] = []
        self._files, self._threads, self._shared = _open_files(), _threads(), shared_memory()
        self._children = _children()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within the block looks at a job's own variables, and temporary files, are noticed."""
        environ: Any = type(os.environ)
        plain, put = environ.__getitem__, environ.__setitem__

        def getitem(variables: Any, key: Any) -> str:
            if isinstance(key, str):
                self.read.add(key)
                self._note_own(key)
            return str(plain(variables, key))

        def setitem(variables: Any, key: Any, value: Any) -> None:
            self.given.add(str(key))
            put(variables, key, value)

        def contains(variables: Any, key: Any) -> bool:
            self.given.add(str(key))  # ``setdefault`` asks this too
            return Mapping.__contains__(variables, key)

        made = {name: getattr(tempfile, name) for name in ("mkdtemp", "mkstemp")}
        environ.__getitem__, environ.__setitem__, environ.__contains__ = getitem, setitem, contains
        for name, make in made.items():
            setattr(tempfile, name, self._noticed(make))
        try:
            yield
        finally:
            environ.__getitem__, environ.__setitem__ = plain, put
            del environ.__contains__  # it is inherited
            for name, make in made.items():
                setattr(tempfile, name, make)

    def _note_own(self, variable: str) -> None:
        if variable in self._own:
            self._asked_for.append(f"reads {variable}")

    def _noticed(self, make: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(make)
        def make_temporary(*args: Any, **kwargs: Any) -> Any:
            self._asked_for.append("makes a temporary file")
            return make(*args, **kwargs)

        return make_temporary

    def what(self) -> str | None:
        """What the code that has run since the last call has left, in words; None if nothing."""
        found = self._asked_for[0] if self._asked_for else None
        self._asked_for.clear()
        threads, files = _threads(), _open_files()
        new = threads - self._threads
        if new and new & _threads_after_fork():
            found = found or "starts a thread"
        children = _children()
        if children - self._children:
            found = found or "starts a process"
        if files - self._files:
            found = found or f"opens {min(files - self._files)}"
        self._threads, self._files, self._children = _threads(), files, children
        return found

    def shared_memory(self) -> str | None:
        """A mapping that forks would share, and that was not there at the last call. This takes some milliseconds."""
        shared = shared_memory()
        new, self._shared = shared - self._shared, shared
        return f"shares {min(new)} with its forks" if new else None


def has_one_thread() -> bool:
    return len(_threads()) == 1 or len(_threads_after_fork()) == 1


def shared_memory() -> set[str]:
    """The writable mappings that forks would share, such as a lock of ``multiprocessing``."""
    lines = (_SELF / "maps").read_text(errors="replace").splitlines()
    fields = [line.split(maxsplit=5) for line in lines]
    return {" ".join(each[5:]) or "memory" for each in fields if each[1] == _SHARED}


def _children() -> set[str]:
    found: set[str] = set()
    for thread in _threads():
        with suppress(OSError):  # the thread has ended, or the kernel does not tell
            found.update((_SELF / "task" / thread / "children").read_text().split())
    return found


def _threads() -> set[str]:
    return set(os.listdir(_SELF / "task"))


def _threads_after_fork() -> set[str]:
    """The threads that are there when this process has forked. Others end then, and come back when they are needed:
    OpenBLAS makes such threads when it is loaded.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return _threads()


def _open_files() -> set[str]:
    """The open files beyond the standard ones, without devices such as /dev/null."""
    found = set()
    for number in os.listdir(_SELF / "fd"):
        try:
            if int(number) > 2 and not stat.S_ISCHR(os.fstat(int(number)).st_mode):
                found.add(os.readlink(_SELF / "fd" / number))
        except OSError:  # the descriptor of this listing
            continue
    return found
