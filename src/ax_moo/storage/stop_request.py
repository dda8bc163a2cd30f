"""What a user asks of a sweep that runs elsewhere: to start no more trials, or to end at once. A file, so that it
reaches a sweeper on any host."""

from enum import StrEnum
from pathlib import Path

from ax_moo.system.disk import replace_file

STOP_FILE = "stop"


class StopRequest(StrEnum):
    """``FINISH``: no new trials, running ones finish. ``NOW``: running ones are cancelled."""

    FINISH = "finish"
    NOW = "now"


def ask(folder: Path, request: StopRequest) -> None:
    replace_file(folder / STOP_FILE, f"{request}\n")


def asked(folder: Path) -> StopRequest | None:
    """What the sweep in this folder is asked to do; None: to go on."""
    try:
        word = (folder / STOP_FILE).read_text().strip()
    except OSError:
        return None
    return StopRequest.NOW if word == StopRequest.NOW else StopRequest.FINISH


def clear(folder: Path) -> None:
    """Forget the request: the sweep has ended, or is started again."""
    (folder / STOP_FILE).unlink(missing_ok=True)
