"""The program whose part the trials of a queue are, for the processes that import what they import."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ax_moo.system.disk import replace_file
from ax_moo_launchers.files import read_json
from ax_moo_launchers.search_path import SearchPath

_FILE, _MODULES = "program.json", "modules.json"


@dataclass(frozen=True)
class Program:
    """The search path and the arguments of the sweeper's process; a trial has them too."""

    path: tuple[str, ...]
    library: tuple[str, ...]
    arguments: tuple[str, ...]

    @classmethod
    def here(cls) -> "Program":
        path = SearchPath.here()
        return cls(path.entries, tuple(sorted(path.library)), tuple(sys.argv))


def write_program(folder: Path) -> None:
    """Describe this process's program in the folder of a queue."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / _FILE, json.dumps(asdict(Program.here())))


def program_of(folder: Path) -> Program:
    given = read_json(folder / _FILE)
    if given is None:
        raise ValueError(f"{folder / _FILE} cannot be read")
    return Program(**{key: tuple(value) for key, value in given.items()})


def modules_file(folder: Path) -> Path:
    """The file in which the queue's trials keep the list of what they have imported."""
    return folder / _MODULES
