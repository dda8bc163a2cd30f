"""What a parent process is to be: the process that starts it tells it so on its command line."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from ax_moo_launchers.search_path import SearchPath
from ax_moo_launchers.warm.title import LEAST_BYTES


@dataclass(frozen=True)
class Program:
    """The program whose part trials are.

    Attributes:
        path: ``sys.path`` of the sweeper's process; ``library`` are those that belong to its Python.
        arguments: ``sys.argv`` of the sweeper's process.
        preload: names of modules to import in any case.
    """

    path: tuple[str, ...] = ()
    library: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()

    @classmethod
    def here(cls, preload: tuple[str, ...] = ()) -> "Program":
        path = SearchPath.here()
        return cls(path.entries, tuple(sorted(path.library)), tuple(sys.argv), preload)

    @classmethod
    def of(cls, given: Mapping[str, list[str]]) -> "Program":
        return cls(**{key: tuple(value) for key, value in given.items()})

    @property
    def search_path(self) -> SearchPath:
        return SearchPath(self.path, frozenset(self.library))


@dataclass(frozen=True)
class Wish:
    """What a parent is to be.

    Attributes:
        module: the module that it runs, which says what its forks are.
        modules_file: the list of what to import.
        program: whose part its forks are.
        own_variables: those in which two forks differ.
        left_out: modules that it must not import, and why.
        owner: the pid of the process that starts it, with which it ends.
        pipes: the numbers of the files to read requests from, and to write answers to.
        starts: how often it has begun.
    """

    module: str
    modules_file: str
    program: Program
    own_variables: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    owner: int = 0
    pipes: tuple[int, int] = (0, 1)
    starts: int = 1

    def command(self) -> list[str]:
        """With room for the command line of any fork, which is written over it."""
        text = json.dumps(asdict(self)).ljust(LEAST_BYTES)
        return [sys.executable, "-P", "-u", "-m", self.module, text]

    def again(self, left_out: Mapping[str, str]) -> "Wish":
        return replace(self, left_out=dict(left_out), starts=self.starts + 1)

    @classmethod
    def of(cls, text: str) -> "Wish":
        given = json.loads(text)
        own, pipes, program = tuple(given["own_variables"]), tuple(given["pipes"]), Program.of(given["program"])
        return cls(**{**given, "own_variables": own, "pipes": pipes, "program": program})
