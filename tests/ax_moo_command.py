"""The command ``ax-moo`` in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import SWEEPER, command_line

AX_MOO = Path(sys.executable).with_name("ax-moo")


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def ax_moo(*arguments: str | Path, cwd: Path | None = None, seconds: float = 240.0) -> Ended:
    """The command in a fork that has imported Ax, pandas and the command line already."""
    started = command_line(*SWEEPER).start(cwd or Path.cwd(), *map(str, arguments), app=AX_MOO)
    try:
        out, err = started.communicate(timeout=seconds)
    finally:
        started.kill()
    return Ended(started.wait(), out, err)


def ax_moo_from_cold(*arguments: str | Path, cwd: Path | None = None) -> Ended:
    """The command as a user starts it, which takes seconds more."""
    done = subprocess.run([AX_MOO, *arguments], cwd=cwd, capture_output=True, text=True, timeout=240)
    return Ended(done.returncode, done.stdout, done.stderr)


def start_ax_moo(*arguments: str | Path, cwd: Path | None = None) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    # A test run in the background of a script ignores Ctrl-C, and hands that down.
    command = ["env", "--default-signal=INT", str(AX_MOO), *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def facts(folder: Path) -> dict[str, Any]:
    """``ax-moo status --json``."""
    ended = ax_moo("status", folder, "--json")
    assert ended.code == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found
