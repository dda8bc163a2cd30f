"""The program whose part the trials of a queue are, for the processes that import what they import."""

import json
from dataclasses import asdict
from pathlib import Path

from ax_moo.system.disk import replace_file
from ax_moo.system.private_files import make_folder
from ax_moo_launchers.files import read_json
from ax_moo_launchers.warm.modules import Modules
from ax_moo_launchers.warm.wish import Program

_FILE, _MODULES = "program.json", "modules.json"


def write_program(folder: Path, preload: tuple[str, ...] = ()) -> None:
    """Describe this process's program in the folder of a queue."""
    make_folder(folder)
    replace_file(folder / _FILE, json.dumps(asdict(Program.here(preload))), is_private=True)


def program_of(folder: Path) -> Program:
    try:
        return Program.of(read_json(folder / _FILE) or {"path": None})
    except TypeError:
        raise ValueError(f"{folder / _FILE} cannot be read") from None


def modules_file(folder: Path) -> Path:
    """The file in which the queue's trials keep the list of what they have imported."""
    return folder / _MODULES


def take_list(folder: Path, kept: Path | None) -> None:
    """Let the queue's first trials have the list of an earlier sweep's, if there is one.

    A queue has a list of its own, because the nodes may not see where this user keeps the others.
    """
    _copy_list(kept, modules_file(folder))


def keep_list(folder: Path, kept: Path | None) -> None:
    """Keep the queue's list for the next sweep."""
    if kept is not None:
        _copy_list(modules_file(folder), kept, replaces=True)


def _copy_list(source: Path | None, target: Path, replaces: bool = False) -> None:
    found, known = Modules.read(source) if source else None, Modules.read(target)
    if found is not None and found != known and (replaces or known is None):
        found.write(target)
