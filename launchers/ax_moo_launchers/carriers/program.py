"""The program whose part the trials of a queue are, for the processes that import what they import."""

import json
from dataclasses import asdict
from pathlib import Path

from ax_moo.system.disk import replace_file
from ax_moo_launchers.files import read_json
from ax_moo_launchers.warm.wish import Program

_FILE, _MODULES = "program.json", "modules.json"


def write_program(folder: Path, preload: tuple[str, ...] = ()) -> None:
    """Describe this process's program in the folder of a queue."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / _FILE, json.dumps(asdict(Program.here(preload))))


def program_of(folder: Path) -> Program:
    try:
        return Program.of(read_json(folder / _FILE) or {"path": None})
    except TypeError:
        raise ValueError(f"{folder / _FILE} cannot be read") from None


def modules_file(folder: Path) -> Path:
    """The file in which the queue's trials keep the list of what they have imported."""
    return folder / _MODULES
