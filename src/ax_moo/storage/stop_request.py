"""The request of `ax-moo stop` to a running sweep: a file in its folder, so that it reaches a sweeper on any host."""

from enum import StrEnum
from pathlib import Path

from ax_moo.system.disk import replace_file
from ax_moo.system.regular_files import read_regular

STOP_FILE = "stop"


class StopRequest(StrEnum):
    """``FINISH``: start no new trials and let the running ones finish. ``NOW``: cancel the running trials."""

    FINISH = "finish"
    NOW = "now"


def ask(folder: Path, request: StopRequest) -> None:
    replace_file(folder / STOP_FILE, f"{request}\n")


def asked(folder: Path) -> StopRequest | None:
    """The request to the sweep in this folder; None if there is no request."""
    try:
        word = read_regular(folder / STOP_FILE).strip().decode(errors="replace")
    except OSError:
        return None
    return StopRequest.NOW if word == StopRequest.NOW else StopRequest.FINISH


def clear(folder: Path) -> None:
    """Remove the request, because the sweep has ended or is started again."""
    (folder / STOP_FILE).unlink(missing_ok=True)
