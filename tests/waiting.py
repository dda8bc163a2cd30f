"""Waiting for what another process does."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"in vain waited for {what}")
        time.sleep(0.05)


def wait_until_none_is_left(left: Callable[[], Sequence[object]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while found := left():
        assert time.monotonic() < deadline, f"left over: {found}"
        time.sleep(0.1)


def wait_for_file(path: Path, seconds: float = 60.0) -> str:
    """What is written in it, once it is."""
    wait_until(lambda: path.exists() and path.read_text() != "", path.name, seconds)
    return path.read_text()
