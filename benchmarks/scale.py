"""What a sweep of many trials costs its controller: ``python benchmarks/scale.py``; ``--slurm`` adds a real cluster."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from measuring import on_slurm
from measuring.attempts import Attempts
from measuring.result import Figure, Result, Table, begin, finish

MANY_TRIALS = Path(__file__).parent / "measuring/many_trials.py"
ABOUT = """\
The loop, the optimizer, the journal, the lines of progress, the page and the tables are the real ones; jobs are
simulated: the oldest ends as soon as {at_once} run. Each sweep is a process of its own. Its CPU time is that of all its
threads after Ax is imported, where it is, without that of the page, which has processes of its own. ``status`` is
`ax-moo status`, ``read`` is the check of the journal at a resume, and ``replay`` is an optimizer that is built anew
from the trials; these and the tables at the end are CPU seconds. On Slurm the trials are real jobs that do nothing,
on two nodes that share this machine's cores."""
NAMES = {
    "cpu_ms_per_trial": "CPU a trial, ms",
    "loop_ms_per_trial": "of it the loop's thread, ms",
    "memory_mb": "memory, MB",
    "page_cpu_s": "pages, CPU s",
    "tables_s": "tables, s",
    "status_s": "status, s",
    "read_s": "read, s",
    "replay_s": "replay, s",
    "journal_bytes_per_trial": "journal a trial, bytes",
    "table_bytes_per_trial": "table a trial, bytes",
    "completed": "completed",
    "most_at_once": "at once",
    "wall_s": "wall clock, s",
    **{f"{name}_calls": f"calls of {name}" for name in on_slurm.COMMANDS},
}


def measure(n_trials: int, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The figures of a sweep in a process of its own."""
    folder.mkdir()
    command = [sys.executable, str(MANY_TRIALS), str(n_trials), str(options.at_once), options.method, str(folder)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, env=environ, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main() -> None:
    options = _options()
    before = begin()
    attempt = Attempts()
    with tempfile.TemporaryDirectory() as name:
        simulated = [attempt(f"{n} trials", partial(measure, n, options, Path(name, str(n)))) for n in options.trials]
        real = [
            attempt(
                f"{n} trials on Slurm",
                partial(on_slurm.run, n, options.at_once, options.method, Path(name, f"slurm-{n}"), options.more),
            )
            for n in options.slurm
        ]
    whole = result(options, list(filter(None, simulated)), list(filter(None, real)))
    finish(replace(whole, missing=attempt.missing), before, options.json)


def result(
    options: argparse.Namespace, simulated: Sequence[Mapping[str, Any]], real: Sequence[Mapping[str, Any]]
) -> Result:
    tables = [table("", simulated)] if simulated else []
    tables += [table("On Slurm", real)] if real else []
    about = ABOUT.format(at_once=options.at_once).replace("\n", " ")
    given = {"at_once": options.at_once, "method": options.method}
    return Result(
        "scale",
        "Many trials",
        about,
        tables,
        _figures(simulated),
        given,
        {"simulated": simulated, "slurm": real},
    )


def table(title: str, sweeps: Sequence[Mapping[str, Any]]) -> Table:
    """A column for each sweep."""
    rows = [[name, *(each.get(key) for each in sweeps)] for key, name in NAMES.items() if key in sweeps[0]]
    return Table(["", *(f"{each['trials']} trials" for each in sweeps)], rows, title)


def _figures(sweeps: Sequence[Mapping[str, Any]]) -> list[Figure]:
    by_trials = {each["trials"]: each for each in sweeps}
    few, many = 100, 1000
    if not {few, many} <= by_trials.keys():
        return []
    ratio = by_trials[many]["cpu_ms_per_trial"] / by_trials[few]["cpu_ms_per_trial"]
    return [
        Figure.at_most(2, f"times as much CPU a trial, a sweep of {many} trials as one of {few}", ratio),
        Figure.at_most(1000, f"MB of memory, a sweep of {many} trials", by_trials[many]["memory_mb"]),
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=_counts, default=[100, 1000, 10000], help="separated by commas")
    parser.add_argument("--slurm", type=_counts, default=[], help="trials of sweeps on Slurm; needs root on Debian")
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--method", default="sobol")
    parser.add_argument("--more", nargs="*", default=[], help="more options of the sweeps on Slurm")
    parser.add_argument("--json", type=Path, help="write the result there")
    return parser.parse_args()


def _counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",") if count]


if __name__ == "__main__":
    main()
