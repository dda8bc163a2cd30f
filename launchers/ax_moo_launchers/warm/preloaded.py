"""A process that has imported what trials import, and is forked for each of them."""

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from ax_moo_launchers.search_path import SearchPath
from ax_moo_launchers.warm import checks, child, origin, temporary
from ax_moo_launchers.warm.imports import Imports
from ax_moo_launchers.warm.modules import Modules

_SHORT_S = 0.0005


class Forked:
    """A child process, with the members of ``subprocess.Popen`` that its parent needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Preloaded:
    """This process after its imports.

    It is made once, at the start of a program that does nothing else, has no thread, and was started as a trial's task
    is: with its environment, its working directory and ``-P -u``. Its forks are made in the main thread, also by its
    forks.

    Attributes:
        modules: what was asked for, with all that was left out.
        is_spoilt: whether an import has left something that forks must not share. Then the program is to begin anew
            with ``modules``, by ``os.execv``.
        read: the environment variables that imports have looked at.
    """

    def __init__(
        self,
        modules: Modules,
        path: SearchPath | None = None,
        arguments: Sequence[str] = (),
        more: Sequence[str] = (),
        own_variables: Collection[str] = (),
    ) -> None:
        """``path`` and ``arguments`` are those of the program whose part a trial is. ``more`` are names to import.

        ``own_variables`` are those in whose value two trials differ: a module that reads one of them when it is
        imported is left out.
        """
        self._path = list(sys.path)
        environ, at_start = dict(os.environ), child.open_files()
        if path is not None:
            sys.path[:] = path.merged(sys.path)
        if arguments:
            sys.argv[:] = arguments
        searched = list(sys.path)
        imports = Imports(modules.left_out, own_variables)
        gc.disable()  # it would take a fifth of the time
        imports.take(modules.before)
        os.environ.update({**modules.changed, **modules.env_set})
        loggers = frozenset(logging.root.manager.loggerDict)
        with _log_is_set_up():
            imports.take(modules.after)
        self._loggers = frozenset(logging.root.manager.loggerDict) - loggers
        imports.take(more)
        self.modules = replace(modules, left_out=imports.left_out)
        self._imported = frozenset(sys.modules)
        temporary.remove()
        self.missing = [name for name in more if name not in sys.modules]
        self.is_spoilt = imports.is_spoilt
        self.read = imports.read
        # What a trial's own code has set is there for imports only: each trial sets it itself, maybe by `setdefault`.
        not_theirs = {*modules.env_set, *(modules.changed.keys() - imports.given)}
        self._changes = _changes({**environ, **modules.env_set}, os.environ, not_theirs)
        self._path_before, self._path_after = _added(searched, sys.path)
        sys.path[:] = self._path
        child.put_environment(environ)
        # Devices such as /dev/null: other files are not left open by what is imported here.
        self._files = child.open_files() - at_start
        self._handlers = child.handlers()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a handler of imports might take the ends of forks
        self._sources = checks.Sources()
        gc.enable()
        gc.collect()
        gc.freeze()  # a fork that collects would else copy the memory of every object

    def why_unfit(self) -> str | None:
        """Why no trial may be a fork of this process any more, in words; to be asked before each fork."""
        return self._sources.why_changed() or checks.why_unfit()

    def fork(
        self,
        run: Callable[[], object],
        environ: Mapping[str, str],
        files: tuple[int, int, int] | None = None,
        is_leader: bool = False,
    ) -> Forked:
        """A fork that calls ``run`` and ends at once after it, without Python's own end; see ``start`` for programs.

        ``files`` become its standard files, and all others are closed. ``is_leader`` gives it a session of its own.
        """

        def start() -> None:
            child.put_environment(environ)
            run()

        return self._fork(start, files, is_leader)

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        files: tuple[int, int, int],
        options: Sequence[str] = ("-P", "-u"),
        is_leader: bool = False,
    ) -> Forked:
        """A fork that is what ``python OPTIONS -m MODULE ARGUMENTS`` would be after its imports."""

        def start() -> None:
            child.put_environment({**_without(environ, self._changes), **_set(self._changes)})
            child.put_handlers(self._handlers)
            child.forget_randomness()
            child.begin_now()
            temporary.make_again()
            origin.note(self.modules, self._imported, self.read, environ, self._loggers)
            sys.path[:] = [*self._path_before, *self._path, *self._path_after]
            child.run_to_the_end(child.become(module, arguments, options))

        return self._fork(start, files, is_leader)

    def _fork(self, start: Callable[[], object], files: tuple[int, int, int] | None, is_leader: bool) -> Forked:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        pid = os.fork()
        if pid:
            fork = Forked(pid)
            while is_leader and fork.poll() is None and os.getsid(pid) != pid:
                time.sleep(_SHORT_S)  # whoever hears of the fork may end its group
            return fork
        try:
            if is_leader:
                os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if files is not None:
                child.put_files(*files, self._files)
            start()
        except BaseException as error:
            child.show(error)
            os._exit(1)
        os._exit(0)


@contextmanager
def _log_is_set_up() -> Iterator[None]:
    """Within the block the root logger has a handler, as when a task function runs: Lightning asks for that."""
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)


def _changes(before: Mapping[str, str], after: Mapping[str, str], but: Collection[str]) -> dict[str, str | None]:
    """The variables that imports have set, or removed (None)."""
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return {name: after.get(name) for name in names if name not in but}


def _set(changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in changes.items() if value is not None}


def _without(environ: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if changes.get(name, "") is not None}


def _added(before: Sequence[str], after: Sequence[str]) -> tuple[list[str], list[str]]:
    """The folders that imports have put in front of the search path, and behind it."""
    known = set(before)
    first = next((at for at, entry in enumerate(after) if entry in known), len(after))
    return list(after[:first]), [entry for entry in after[first:] if entry not in known]
