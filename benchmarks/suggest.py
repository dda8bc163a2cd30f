"""What a candidate costs, beside Ax's own Client with its defaults: ``python benchmarks/suggest.py``.

All get the same trials of the NAS surrogate. Each is a process of its own, which is asked for a few candidates at each
number of observations; one more observation comes before each of them, as in a sweep.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import nas_surrogate
from measuring.attempts import Attempts
from measuring.result import Cell, Figure, Result, Table, begin, finish
from nas_surrogate.trials import trials
from peers.kernel import compile_kernel

OBSERVATIONS = (10, 48, 100, 200, 400)
PROMISED = (48, 200)
WHO = {"auto": "ours, method=auto", "fast": "ours, method=fast", "bare": "Ax Client"}
THREADS = {"one": "one thread", "free": "as many threads as each takes"}
PENDING = 3
ASKED = 100_000
"""The candidates' trials have numbers from here on, above those of the observations."""


def measure(who: str, threads: str, observations: list[int], repeats: int, seed: int) -> dict[str, Any]:
    """The figures of one process."""
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if threads == "one":
        environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    counts = ",".join(map(str, observations))
    command = [sys.executable, "-W", "ignore", __file__, "--only", who, "--observations", counts]
    command += ["--repeats", str(repeats), "--seed", str(seed)]
    done = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def only(who: str, observations: list[int], repeats: int, seed: int) -> dict[str, Any]:
    """In the process that is measured: CPU and wall seconds of each candidate, by the number of observations."""
    from sweep_players import player

    warnings.simplefilter("ignore")
    optimizer = player(who, nas_surrogate.problem(), seed)
    coming = trials(max(observations) + repeats + PENDING, seed)
    for _ in range(PENDING):
        index, point, _ = next(coming)
        optimizer.attach(index, point)
    known, asked, row = 0, ASKED, {}
    for count in [min(6, *observations), *observations]:  # what only the first candidate costs is not measured
        seconds = []
        for wanted in range(count, count + repeats):
            known += _attach_up_to(wanted - known, coming, optimizer)
            asked += 1
            wall, cpu = time.perf_counter(), time.process_time()
            optimizer.ask(asked)
            seconds.append((time.process_time() - cpu, time.perf_counter() - wall))
            optimizer.tell(asked, None)
        row[count] = seconds
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": {str(count): row[count] for count in observations}, "memory_mb": round(memory)}


def _attach_up_to(count: int, coming: Iterator[Any], optimizer: Any) -> int:
    for _ in range(count):
        index, point, outcome = next(coming)
        optimizer.attach(index, point)
        optimizer.tell(index, outcome)
    return max(0, count)


def main() -> None:
    options = _options()
    observations = [int(count) for count in options.observations.split(",")]
    if options.only:
        print(json.dumps(only(options.only, observations, options.repeats, options.seed)))
        return
    before = begin()
    compile_kernel(max(observations))
    attempt, measured = Attempts(), dict[tuple[str, str], dict[str, Any]]()
    for threads in THREADS:
        for who in WHO:
            one = partial(measure, who, threads, observations, options.repeats, options.seed)
            found = attempt(f"{WHO[who]}, {THREADS[threads]}", one)
            measured |= {(who, threads): found} if found else {}
    finish(replace(result(options, observations, measured), missing=attempt.missing), before, options.json)


def result(
    options: argparse.Namespace, observations: list[int], measured: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Result:
    columns = ["", *(f"{count} observations" for count in observations)]
    tables = [
        Table(columns, [_row(who, one, part, observations) for who, one in _of(measured, threads)], title)
        for threads in THREADS
        for part, title in enumerate((f"CPU seconds, {THREADS[threads]}:", f"Wall seconds, {THREADS[threads]}:"))
    ]
    about = (
        f"The cost of a candidate: the mean of {options.repeats} in a row, with {PENDING} trials pending. The "
        "surrogate of the NAS search, with its thresholds, has six parameters and two objectives. The C++ kernel that "
        "Ax's Client uses was compiled before."
    )
    figures = [
        Figure.at_most(0.6, f"CPU of auto to that of Ax's Client, {THREADS[threads]}, {count}", ratio)
        for threads in THREADS
        for count in PROMISED
        if count in observations and {("auto", threads), ("bare", threads)} <= measured.keys()
        for ratio in [_mean(measured["auto", threads], count, 0) / _mean(measured["bare", threads], count, 0)]
    ]
    plain = {name: value for name, value in vars(options).items() if name not in ("json", "only")}
    raw = {f"{who}, {threads}": one for (who, threads), one in measured.items()}
    return Result("suggest", "The cost of a candidate", about, tables, figures, plain, raw)


def _of(measured: Mapping[tuple[str, str], Any], threads: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((who, one) for (who, with_threads), one in measured.items() if with_threads == threads)


def _row(who: str, one: Mapping[str, Any], part: int, observations: list[int]) -> list[Cell]:
    return [WHO[who], *(_mean(one, count, part) for count in observations)]


def _mean(one: Mapping[str, Any], count: int, part: int) -> float:
    return float(statistics.mean(seconds[part] for seconds in one["seconds"][str(count)]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observations", default=",".join(map(str, OBSERVATIONS)), help="ascending, with commas")
    parser.add_argument("--repeats", type=int, default=3, help="candidates at each number of observations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", "--out", dest="json", type=Path, help="write the result there")
    parser.add_argument("--only", choices=WHO, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
