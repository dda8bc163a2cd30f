"""What a job has been given, and what the script, executed again, must not change a second time."""

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from ax_moo_launchers.job_environment import GPU_MASKS


@contextmanager
def kept() -> Iterator[None]:
    """After the block ``sys.path``, ``sys.argv``, the working directory and the job's own GPUs are as before.

    The sweeper's process has executed the script, and the job begins with what that has made of them. The GPUs stay
    the job's within the block as well, because a script may ask there which GPUs it has.
    """
    path, arguments, folder = list(sys.path), list(sys.argv), os.getcwd()
    gpus = {name: os.environ[name] for name in GPU_MASKS if name in os.environ}
    try:
        with _not_set(gpus):
            yield
    finally:
        sys.path[:], sys.argv[:] = path, arguments
        os.chdir(folder)
        os.environ.update(gpus)


@contextmanager
def _not_set(names: Collection[str]) -> Iterator[None]:
    """Within the block ``os.environ[name] = ...`` changes none of these variables."""
    environ: Any = type(os.environ)
    plain = environ.__setitem__

    def setitem(self: Any, key: str, value: str) -> None:
        if key not in names:
            plain(self, key, value)

    environ.__setitem__ = setitem
    try:
        yield
    finally:
        environ.__setitem__ = plain
