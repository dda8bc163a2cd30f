"""Messages between a running trial and its sweep: the trial reports metrics, and the sweep may ask it to stop.

The trial's job calls :func:`report` and :func:`should_stop`; the sweep calls :func:`read` and :func:`request_stop`.
The messages are files in the job's folder.
"""

import io
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEASUREMENTS_FILE = "metrics.jsonl"
STOP_FILE = "stop"
RANK_OF = "AX_MOO_RANK_OF"
"""The variable with the job folder of the trial that has started this process with its own command line."""


@dataclass(frozen=True)
class Measurement:
    """Metrics at one step of a training; ``elapsed_seconds`` counts from the job's first report."""

    step: int
    elapsed_seconds: float
    metrics: dict[str, float]


def report(step: int, **metrics: float) -> None:
    """Append a measurement of this trial; does nothing outside a sweep, or in a further rank of the trial's training.

    A metric whose name is not a Python identifier is passed as ``report(step, **{"val/acc": 0.9})``. Torch and NumPy
    scalars are accepted.
    """
    folder = trial_folder()
    if folder is None or _is_rank(folder):
        return
    values = {name: float(value) for name, value in metrics.items()}
    line = json.dumps({"step": int(step), "time": time.time(), "metrics": values})
    # A whole line is appended in one write, so that a reader sees the line complete, or without its line end.
    with open(folder / MEASUREMENTS_FILE, "ab+", buffering=0) as file:
        file.write(_missing_line_end(file) + line.encode() + b"\n")


def should_stop() -> bool:
    """Whether the sweep has asked this trial to end; False outside a sweep."""
    folder = trial_folder()
    return folder is not None and (folder / STOP_FILE).exists()


def read(folder: Path, offset: int = 0) -> tuple[list[Measurement], int]:
    """The measurements in the complete lines after a byte offset, and the offset for the next call."""
    try:
        with open(folder / MEASUREMENTS_FILE, "rb", opener=_without_waiting) as file:
            begin = next((row["time"] for row in map(_parse, file) if row), 0.0)
            file.seek(offset)
            data = file.read()
    except OSError:  # there is none yet, or it is another user's
        return [], offset
    complete = data[: data.rfind(b"\n") + 1]
    rows = [row for row in map(_parse, complete.splitlines()) if row is not None]
    return [Measurement(row["step"], row["time"] - begin, row["metrics"]) for row in rows], offset + len(complete)


def request_stop(folder: Path) -> None:
    """Ask the trial with this job folder to end; the trial sees the request at its next :func:`should_stop`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STOP_FILE).touch()


def trial_folder() -> Path | None:
    """The job folder of the trial that this process runs, or None outside a sweep of ``hydra/sweeper=ax_moo``.

    Hydra's record of the running job is the source, because every launcher sets it. A process that has not imported
    Hydra does not run a job of Hydra's.
    """
    module = sys.modules.get("hydra.core.hydra_config")
    if module is None or not module.HydraConfig.initialized():
        return None
    config: Any = module.HydraConfig.get()
    if "ax_moo" not in str(config.sweeper.get("_target_", "")) or not config.runtime.get("output_dir"):
        return None
    folder = Path(os.fspath(config.runtime.output_dir))
    is_trial = config.mode is not None and config.mode.name == "MULTIRUN"
    return folder if is_trial or _is_rank(folder) else None


def _is_rank(folder: Path) -> bool:
    """Whether a process of this trial's training has started this one, as Lightning starts the ranks."""
    module: Any = sys.modules["hydra.core.hydra_config"]
    mode = module.HydraConfig.get().mode
    return mode is not None and mode.name == "RUN" and os.environ.get(RANK_OF) == str(folder)


def _missing_line_end(file: io.FileIO) -> bytes:
    """The line end that is missing where an earlier attempt in this folder was killed in the middle of a line."""
    if file.seek(0, os.SEEK_END) == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and {"step", "time", "metrics"} <= row.keys() else None


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, in whose place there may be a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
