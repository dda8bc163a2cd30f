"""Where a job searches for modules: where the sweeper's process does, in the same order."""

import os
import site
import sys
import sysconfig
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SearchPath:
    """``sys.path`` of the sweeper's process. ``library`` are those of its folders that belong to its Python."""

    entries: tuple[str, ...]
    library: frozenset[str]

    @classmethod
    def here(cls) -> "SearchPath":
        entries = tuple(_absolute(entry) for entry in sys.path if isinstance(entry, str))
        return cls(entries, (_standard() | installed_folders()) & frozenset(entries))

    def merged(self, own: Sequence[str]) -> list[str]:
        """This path in a job whose own one is ``own``. A job of another Python has the library of that Python.

        What only the job has, such as a folder that ``setup`` put into PYTHONPATH, stays before the library or after.
        """
        first = _first(own, _standard())
        before = [entry for entry in own[:first] if entry not in self.entries]
        theirs = list(self.entries)
        if not self.library <= set(own):
            start = _first(theirs, self.library)
            theirs[start:] = [*own[first:], *(entry for entry in theirs[start:] if entry not in self.library)]
        return [*before, *theirs, *(entry for entry in own[first:] if entry not in theirs)]


def before_library() -> list[str]:
    """The folders that this process searches before the standard library.

    The first one is the folder of the script, so that ``python src/train.py`` finds the modules beside it in the job
    as well. Folders that come later must not be in PYTHONPATH: a ``random.py`` in one of them would hide the library's.
    """
    front = [entry for entry in sys.path if isinstance(entry, str)]
    return list(dict.fromkeys(_absolute(entry) for entry in front[: _first(front, _standard())]))


def installed_folders() -> frozenset[str]:
    """The folders into which packages are installed."""
    schemes = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return frozenset(schemes | {*site.getsitepackages(), site.getusersitepackages()})


def package_folders() -> frozenset[str]:
    """The same with those outside of this Python, as the environment modules of a cluster add them."""
    names = ("site-packages", "dist-packages")
    return installed_folders().union(
        path for path in sys.path if isinstance(path, str) and os.path.basename(path.rstrip(os.sep)) in names
    )


def _first(entries: Sequence[str], among: Collection[str]) -> int:
    return next((place for place, entry in enumerate(entries) if entry in among), len(entries))


def _absolute(entry: str) -> str:
    """The entry for a process with another working directory; a name that is no path belongs to an import hook."""
    path = os.path.abspath(entry)
    return path if os.path.exists(path) else entry


def _standard() -> frozenset[str]:
    """The folders of the standard library."""
    zipped = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    found = {path for path in sys.path if isinstance(path, str) and path.endswith((zipped, f"{os.sep}lib-dynload"))}
    return frozenset(found | {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
