"""Warm local jobs: when there is a parent for them, and why there is none."""

import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo_launchers import job_environment
from ax_moo_launchers.job_environment import GPU_MASKS
from ax_moo_launchers.local.inherited import inherited
from ax_moo_launchers.local.parent import Wish
from ax_moo_launchers.local.processes import start_of
from ax_moo_launchers.search_path import SearchPath
from ax_moo_launchers.warm.modules import Modules
from ax_moo_launchers.warm.origin import is_read, is_read_at_import

log = logging.getLogger(__name__)

_WAIT_S = 30.0
"""How long jobs wait for the parent's imports: about as long as they would need for their own. Then they begin cold."""

_IMPORTS_S = 600.0
_ANSWER_S = 15.0
_MOST_PARENTS = 8

_OF_ONE_JOB = (
    *GPU_MASKS,
    *("SUBMITIT_EXECUTOR", "SUBMITIT_FOLDER", "SUBMITIT_STDERR_TO_STDOUT", "SUBMITIT_LOCAL_NTASKS"),
    *("SUBMITIT_LOCAL_COMMAND", "SUBMITIT_LOCAL_NODEID", "SUBMITIT_LOCAL_JOB_NUM_NODES", "SUBMITIT_LOCAL_JOB_ID"),
    *("SUBMITIT_LOCAL_LOCALID", "SUBMITIT_LOCAL_GLOBALID"),
)


class Warmth:
    """The parent of this launcher's jobs, as soon as it is known what they import.

    Whatever goes wrong means that jobs begin cold, and one line says why.
    """

    def __init__(self, modules_file: Path, preload: tuple[str, ...]) -> None:
        self.modules_file = modules_file
        self.preload = preload
        self._parent: ParentProcess | None = None
        self._parents = 0
        self._left_out: dict[str, str] = {}
        self._said: set[str] = set()
        self._has_given_up = not sys.platform.startswith("linux")

    def is_ready(self) -> bool:
        """Whether a job that is submitted now begins as soon as it can: False while a parent is at its imports."""
        if self._has_given_up or not (self._parent or self._begin()):
            return True
        assert self._parent is not None
        try:
            about = self._parent.about()
        except (OSError, ValueError) as error:
            self._give_up(f"their parent process does not answer ({error})")
            return True
        if about is not None and "unfit" in about:
            self._give_up(str(about["unfit"]))
            return True
        if about is not None and self._parent.is_new:
            self._parent.is_new = False
            self._say_about(about)
        return about is not None or self._has_waited()

    def start_controller(self, folder: Path, limit: str, environ: Mapping[str, str]) -> int | None:
        """The pid of a controller that is a fork of the parent; None if the job has to begin cold."""
        if self._has_given_up or not self.is_ready() or self._parent is None or self._parent.is_new:
            return None
        try:
            answer: dict[str, Any] = {"unfit": self._parent.why_other(environ)}
            if answer["unfit"] is None:
                answer = self._parent.ask({"folder": str(folder), "limit": limit, "environ": dict(environ)})
        except (OSError, ValueError) as error:
            self._begin_anew(f"their parent process does not answer ({error})")
            return None
        if "pid" in answer:
            return int(answer["pid"])
        self._begin_anew(str(answer.get("unfit")))
        return None

    def close(self) -> None:
        """End the parent; jobs live on."""
        if self._parent is not None:
            self._parent.close()
            self._parent = None

    def _begin(self) -> bool:
        if Modules.read(self.modules_file) is None:
            return False
        self._parents += 1
        try:
            self._parent = ParentProcess(self.modules_file, self.preload, self._left_out)
        except OSError as error:
            self._give_up(f"no parent process can be started for them ({error})")
            return False
        return True

    def _has_waited(self) -> bool:
        assert self._parent is not None
        if self._parent.age() < _WAIT_S:
            return False
        self._say(f"Trials start cold until their parent process has done its imports: {_WAIT_S:g} s were not enough")
        return True

    def _begin_anew(self, why: str) -> None:
        """The next jobs have another parent."""
        self.close()
        if self._parents >= _MOST_PARENTS:
            self._give_up(why)
            return
        log.info("A trial starts cold: %s; later ones have a new parent process", why)
        self._begin()

    def _give_up(self, why: str) -> None:
        self.close()
        self._has_given_up = True
        log.info("Trials start cold: %s", why)

    def _say_about(self, about: Mapping[str, Any]) -> None:
        self._left_out = dict(about["left_out"])
        for name in about["missing"]:
            self._say(f"hydra.launcher.preload: {name} cannot be imported, and is left out")
        for name, why in self._left_out.items():
            if not why.startswith("imports "):
                self._say(f"Trials import {name} themselves: it {why}")

    def _say(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            log.info(words)


def check_preload(names: Sequence[str]) -> None:
    """Raise a ConfigError for a module that cannot be found. Nothing is imported."""
    for name in names:
        if not _is_there(name):
            raise ConfigError(
                f"hydra.launcher.preload: there is no module {name!r} here; name modules that trials import"
            )


def _is_there(name: str) -> bool:
    package, _, rest = name.partition(".")
    try:
        found = find_spec(package)
    except ValueError:  # __main__ and its like
        found = None
    while rest and found is not None and found.submodule_search_locations and name not in sys.modules:
        part, _, rest = rest.partition(".")
        package = f"{package}.{part}"
        found = _spec_in(package, list(found.submodule_search_locations))
    return found is not None


def _spec_in(name: str, folders: list[str]) -> ModuleSpec | None:
    """As ``importlib.util.find_spec`` finds it, which would import the package."""
    return next((spec for finder in sys.meta_path if (spec := finder.find_spec(name, folders))), None)


class ParentProcess:
    """The process with ``local.parent``, seen from the one that has started it."""

    def __init__(self, modules_file: Path, preload: tuple[str, ...], left_out: Mapping[str, str]) -> None:
        self.is_new = True
        self._about: dict[str, Any] | None = None
        self._received = b""
        self._modules_file = modules_file
        self._inherited = inherited()
        self._environ = job_environment.of_local_job(os.environ)
        read, theirs = os.pipe()
        mine, self._requests = os.pipe()
        self._answers = read
        path, sweeper = SearchPath.here(), (os.getpid(), start_of(os.getpid()))
        wish = Wish(
            modules_file=str(modules_file),
            preload=preload,
            path=path.entries,
            library=tuple(path.library),
            arguments=tuple(sys.argv),
            own_variables=_OF_ONE_JOB,
            pipes=(mine, theirs),
            sweeper=sweeper,
            left_out=dict(left_out),
        )
        self._started, self._list = time.monotonic(), _version(modules_file)
        try:
            self._process = subprocess.Popen(
                wish.command(),
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(mine, theirs),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._answers)
            os.close(self._requests)
            raise
        finally:
            os.close(mine)
            os.close(theirs)
        # Also where nobody closes the launcher.
        self.close = weakref.finalize(self, _end, os.getpid(), self._process, self._answers, self._requests)

    def about(self) -> dict[str, Any] | None:
        """What it says of its imports; None while it is at them."""
        if self._about is None:
            self._about = self._read(0.0)
            if self._about is None and self.age() > _IMPORTS_S:
                raise TimeoutError(f"its imports have taken more than {_IMPORTS_S:g} s")
        return self._about

    def age(self) -> float:
        return time.monotonic() - self._started

    def why_other(self, environ: Mapping[str, str]) -> str | None:
        """In what a job with this environment differs from the parent, as far as imports have looked at it."""
        if (now := inherited()) != self._inherited:
            return next(f"the sweep's {name} has changed" for name in now if now[name] != self._inherited[name])
        names = {*environ, *self._environ}.difference(_OF_ONE_JOB)
        read = frozenset((self._about or {}).get("read", ()))
        other = sorted(n for n in names if environ.get(n) != self._environ.get(n) and is_read(n, read))
        return f"the environment variable {other[0]} has changed" if other else self._why_another_list()

    def _why_another_list(self) -> str | None:
        """Whether a trial has set variables for libraries otherwise than that from whose list the parent was made."""
        version = _version(self._modules_file)
        if version == self._list:
            return None
        self._list, modules, about = version, Modules.read(self._modules_file), self._about or {}
        if modules is None:
            return None
        now, made, read = modules.changed, about.get("changed", {}), about.get("read", ())
        other = sorted(n for n in {*now, *made} if now.get(n) != made.get(n) and is_read_at_import(n, read))
        return f"a trial has set {other[0]} to another value" if other else None

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        content = json.dumps(request).encode() + b"\n"
        while content:
            if not select.select([], [self._requests], [], _ANSWER_S)[1]:
                raise TimeoutError(f"no answer within {_ANSWER_S:g} s")
            # A pipe that is ready takes so many bytes at once.
            content = content[os.write(self._requests, content[: select.PIPE_BUF]) :]
        answer = self._read(_ANSWER_S)
        if answer is None:
            raise TimeoutError(f"no answer within {_ANSWER_S:g} s")
        return answer

    def _read(self, seconds: float) -> dict[str, Any] | None:
        """The next answer, if it comes within some seconds."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._received:
            if not select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            part = os.read(self._answers, 1 << 16)
            if not part:
                raise BrokenPipeError("it has ended")
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _end(owner: int, process: "subprocess.Popen[bytes]", *pipes: int) -> None:
    """End the parent, and what its imports may have started; the sweeper's own forks leave it alone."""
    if os.getpid() != owner:
        return
    for pipe in pipes:
        with suppress(OSError):
            os.close(pipe)
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
