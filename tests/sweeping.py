"""The command in a process of its own, in a folder that holds nothing but the application."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import SWEEPER, Started, command_line

SWEEP_DIR = "swept"
NEAR_AND_FAR = "+hydra.sweeper.objectives={near: {direction: minimize}, far: {direction: minimize}}"

RETURNS_X = """
import hydra


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    return float(config.x)


if __name__ == "__main__":
    main()
"""


@dataclass(frozen=True)
class Swept:
    """A sweep that has ended: its exit code and what it said, and the folder it left."""

    project: Path
    code: int
    out: str
    err: str

    @property
    def folder(self) -> Path:
        return self.project / SWEEP_DIR

    @property
    def rows(self) -> list[dict[str, Any]]:
        """sweep.jsonl without its first line."""
        return journal_rows(self.project)[1:]

    @property
    def last(self) -> list[dict[str, Any]]:
        """Every trial in its last state, in the order of their numbers."""
        by_trial = {row["trial"]: row for row in self.rows}
        return [by_trial[trial] for trial in sorted(by_trial)]

    def in_state(self, *statuses: str) -> list[dict[str, Any]]:
        """The rows with which trials entered one of these states, in the order of their writing."""
        return [row for row in self.rows if row["status"] in statuses]


def write_app(project: Path, text: str, name: str = "app.py") -> Path:
    script = project / name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(text)
    return project


def sweep_command(*options: str, script: str = "app.py") -> list[str]:
    """Without a report, which costs more than most of these sweeps, unless the options ask for one."""
    asked = any(option.startswith("hydra.sweeper.report=") for option in options)
    report = [] if asked else ["hydra.sweeper.report=false"]
    return [script, "-m", "hydra/sweeper=ax_moo", f"hydra.sweep.dir={SWEEP_DIR}", *report, *options]


def start_sweep(project: Path, *options: str, script: str = "app.py") -> Started:
    """The command in a process that need not import Ax any more, a third of what most of these sweeps cost."""
    name, *arguments = sweep_command(*options, script=script)
    return command_line(*SWEEPER).start(project, *arguments, app=Path(name))


def wait_for_sweep(project: Path, process: "Started | subprocess.Popen[str]", seconds: float = 240.0) -> Swept:
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    assert process.returncode is not None
    return Swept(project, process.returncode, out, err)


def run_sweep(project: Path, *options: str, script: str = "app.py") -> Swept:
    return wait_for_sweep(project, start_sweep(project, *options, script=script))


def journal_rows(project: Path) -> list[dict[str, Any]]:
    """Whole lines of sweep.jsonl, also while it is being written."""
    path = project / SWEEP_DIR / "sweep.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    """How many of the spans (begin, end) overlap at most; one that begins when another ends does not overlap it."""
    changes = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    running = most = 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most
