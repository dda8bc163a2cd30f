"""The earlier sweeps of a folder, which were moved aside: subfolders whose names say when.

Such a folder has the files of its sweep as they were, so that ``ax-moo status`` and others can read the sweep there.
"""

import re
import time
from collections.abc import Iterable
from pathlib import Path

from ax_moo.system.disk import sync_folder

_NAME = re.compile(r"earlier-\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?")
_UNFINISHED_FILE = ".moving"


def is_earlier(name: str) -> bool:
    """Whether a subfolder with this name is an earlier sweep."""
    return _NAME.fullmatch(name) is not None


def unfinished(folder: Path) -> Path | None:
    """The earlier sweep of which a process that was killed had moved only a part."""
    marked = sorted(
        path.parent for path in folder.glob(f"earlier-*/{_UNFINISHED_FILE}") if is_earlier(path.parent.name)
    )
    return marked[0] if marked else None


def move_aside(folder: Path, paths: Iterable[Path]) -> Path:
    """Move what is at these paths in the folder to an earlier sweep, and return where that is.

    A process that is killed meanwhile leaves an unfinished one, to which the next call moves the rest. The journal has
    to come first: without it nobody takes the rest for a sweep that can go on.
    """
    aside = unfinished(folder) or _begun(folder)
    for path in paths:
        target = aside / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    sync_folder(aside)
    sync_folder(folder)
    (aside / _UNFINISHED_FILE).unlink()
    return aside


def _begun(folder: Path) -> Path:
    stem = time.strftime("earlier-%Y-%m-%d_%H-%M-%S")
    names = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    aside = next(folder / name for name in names if not (folder / name).exists())
    aside.mkdir()
    (aside / _UNFINISHED_FILE).touch()
    sync_folder(aside)
    sync_folder(folder)
    return aside
