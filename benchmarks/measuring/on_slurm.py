"""A sweep on a Slurm cluster that is started for it: what its controller uses, and how often it calls Slurm."""

import importlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ax_moo.storage import journal
from ax_moo.trial import Trial
from measuring.machine import ROOT
from measuring.process_tree import TICKS

sys.path.insert(0, str(ROOT / "tests"))

APPLICATION = Path(__file__).parents[1] / "applications/nothing.py"
COMMANDS = ("sbatch", "squeue", "sacct", "scancel", "scontrol", "sinfo")
SAMPLE_SECONDS = 0.2
_OBJECTIVES = "+hydra.sweeper.objectives={near: {direction: minimize}, far: {direction: minimize}}"


def run(n_trials: int, at_once: int, method: str, folder: Path, options: Sequence[str] = ()) -> dict[str, Any]:
    """The figures of one sweep on a cluster with room for ``at_once`` jobs."""
    running: Any = importlib.import_module("slurm.cluster").running
    with running(cpus=(at_once + 1) // 2) as cluster:
        environ = {**os.environ, **cluster.environ, "OMP_NUM_THREADS": "1"}
        environ["PATH"] = f"{_counted_commands(folder)}{os.pathsep}{os.environ['PATH']}"
        command = [sys.executable, str(APPLICATION), "-m", "hydra/sweeper=ax_moo", "hydra/launcher=async_slurm"]
        command += ["+x=interval(0,1)", _OBJECTIVES, f"hydra.sweep.dir={folder / 'sweep'}"]
        command += [f"hydra.sweeper.n_trials={n_trials}", f"hydra.sweeper.n_jobs={at_once}"]
        command += [f"hydra.sweeper.method={method}", "hydra.sweeper.seed=1", *options]
        begin = time.monotonic()
        with open(folder / "output", "wb") as output:
            sweeper = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
            used = _used_by(sweeper)
    calls = Counter((folder / "calls").read_text().split())
    states = list(journal.events(folder / "sweep"))
    return {
        "trials": len(journal.trials(folder / "sweep")),
        "completed": sum(trial.outcome is not None for trial in journal.trials(folder / "sweep")),
        "exit_code": sweeper.returncode,
        "wall_s": time.monotonic() - begin,
        "most_at_once": _most_at_once(states),
        "cpu_ms_per_trial": 1000 * used["cpu_s"] / n_trials,
        "memory_mb": used["memory_mb"],
        **{f"{name}_calls": calls[name] for name in COMMANDS},
    }


def _counted_commands(folder: Path) -> Path:
    """A folder with commands in the place of Slurm's, which note each call."""
    own = folder / "commands"
    own.mkdir(parents=True)
    for name in COMMANDS:
        path = own / name
        path.write_text(f'#!/bin/sh\necho {name} >> {folder}/calls\nexec {shutil.which(name)} "$@"\n')
        path.chmod(0o755)
    return own


def _used_by(process: "subprocess.Popen[bytes]") -> dict[str, float]:
    """The CPU time of the process alone and the most memory that it had, as they were shortly before its end."""
    used = {"cpu_s": 0.0, "memory_mb": 0.0}
    while process.poll() is None:
        with suppress(OSError, IndexError, ValueError):
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            status = Path(f"/proc/{process.pid}/status").read_text()
            used["cpu_s"] = (int(fields[11]) + int(fields[12])) / TICKS
            used["memory_mb"] = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        time.sleep(SAMPLE_SECONDS)
    return used


def _most_at_once(states: Sequence[Trial]) -> int:
    running: set[int] = set()
    most = 0
    for trial in states:
        (running.add if str(trial.status) == "RUNNING" else running.discard)(trial.index)
        most = max(most, len(running))
    return most
