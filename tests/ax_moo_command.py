"""The command ``ax-moo`` in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def ax_moo(*arguments: str | Path, cwd: Path | None = None, seconds: float = 240.0) -> Ended:
    pipe = subprocess.PIPE
    with subprocess.Popen(_command(*arguments), cwd=cwd, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
    return Ended(process.returncode, out, err)


def start_ax_moo(*arguments: str | Path, cwd: Path | None = None) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    # A test run in the background of a script ignores Ctrl-C, and hands that down.
    command = ["env", "--default-signal=INT", *_command(*arguments)]
    return subprocess.Popen(command, cwd=cwd, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def facts(folder: Path) -> dict[str, Any]:
    """``ax-moo status --json``."""
    ended = ax_moo("status", folder, "--json")
    assert ended.code == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


def _command(*arguments: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name("ax-moo")), *map(str, arguments)]
