"""Parts of a benchmark that may fail, such as a peer that cannot be installed, and do not take the others with them."""

import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

from measuring.process_tree import CommandFailed

Found = TypeVar("Found")


class Attempts:
    """``missing`` names the parts that have failed, with the reasons in one line each."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    def __call__(self, name: str, measure: Callable[[], Found]) -> Found | None:
        """What ``measure`` returns; None if it fails."""
        print(f"{name} ...", file=sys.stderr)
        try:
            return measure()
        except (CommandFailed, subprocess.CalledProcessError, OSError) as error:
            traceback.print_exc()
            self.missing.append(f"{name} ({_in_one_line(error)})")
            return None


def _in_one_line(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"a command ended with {error.returncode}"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip()
