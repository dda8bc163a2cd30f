"""What a life of the sweep's W&B run leaves for the next one, in the sweep folder."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ax_moo.system.disk import replace_file
from ax_moo.system.records import from_record

STATE_FILE = "sweep.json"


@dataclass(frozen=True)
class RunState:
    """``arrived``: all lines of the journal up to this one are in the run; ``sweep``: the W&B sweep of the trials."""

    path: str = ""
    arrived: int = 0
    sweep: str | None = None

    @classmethod
    def read(cls, folder: Path) -> "RunState":
        """An empty one where there is none."""
        with suppress(OSError, ValueError, TypeError):
            return from_record(cls, json.loads((folder / "wandb" / STATE_FILE).read_bytes()))
        return cls()

    def write(self, folder: Path) -> None:
        """Losing it costs that the next life says some things twice."""
        with suppress(OSError):
            replace_file(folder / "wandb" / STATE_FILE, json.dumps(asdict(self)))


def joined_sweep(folder: Path, project: str | None) -> str | None:
    """The W&B sweep that a trial's run in this project is to belong to (``wandb.Settings(sweep_id=...)``), if any.

    ``folder`` is the sweep's.
    """
    state = RunState.read(folder)
    return state.sweep if state.path.split("/")[1:2] == [project] else None
