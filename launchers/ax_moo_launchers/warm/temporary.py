"""Temporary folders that modules make when they are imported, as wandb does: each fork has its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_made: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []


@contextmanager
def recorded() -> Iterator[None]:
    """Within the block each ``TemporaryDirectory`` that is made is remembered, with its arguments."""
    plain = tempfile.TemporaryDirectory.__init__
    mkdtemp = _plain(tempfile.mkdtemp)

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        noticed, tempfile.mkdtemp = tempfile.mkdtemp, mkdtemp
        try:
            plain(self, *args, **kwargs)
        finally:
            tempfile.mkdtemp = noticed
        _made.append((self, args, kwargs))

    setattr(tempfile.TemporaryDirectory, plain.__name__, init)
    try:
        yield
    finally:
        setattr(tempfile.TemporaryDirectory, plain.__name__, plain)


def remove() -> None:
    """Remove the folders, which are nobody's: the process that is forked needs none."""
    for folder, _, _ in _made:
        folder.cleanup()


def make_again() -> None:
    """Give each of the objects, to which other modules may refer, a folder of its own, as in a new process."""
    for folder, args, kwargs in _made:
        folder.__init__(*args, **kwargs)


def _plain(function: Any) -> Any:
    return getattr(function, "__wrapped__", function)
