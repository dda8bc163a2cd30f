"""The state of the sweep's W&B run, kept in the sweep folder for the next run of the sweeper."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ax_moo.system.dataclass_records import from_record
from ax_moo.system.disk import replace_file

STATE_FILE = "sweep.json"


@dataclass(frozen=True)
class RunState:
    """``arrived`` is the journal's last line that W&B has, ``path`` the run's address, ``sweep`` the W&B sweep's id."""

    path: str = ""
    arrived: int = 0
    sweep: str | None = None

    @classmethod
    def read(cls, folder: Path) -> "RunState":
        """Read the state, or return an empty one where there is none."""
        with suppress(OSError, ValueError, TypeError):
            return from_record(cls, json.loads((folder / "wandb" / STATE_FILE).read_bytes()))
        return cls()

    def write(self, folder: Path) -> None:
        """Write the state. An error is ignored: the next run of the sweeper then logs some lines twice."""
        with suppress(OSError):
            replace_file(folder / "wandb" / STATE_FILE, json.dumps(asdict(self)))


def joined_sweep(folder: Path, project: str | None) -> str | None:
    """The id of the W&B sweep for a trial's run in this project, as ``wandb.Settings(sweep_id=...)`` takes it.

    ``folder`` is the sweep's folder. The result is None where the trials belong to no W&B sweep.
    """
    state = RunState.read(folder)
    return state.sweep if state.path.split("/")[1:2] == [project] else None
