"""The hypervolume that our optimizer and Ax's own Client reach: ``python benchmarks/quality.py --trials 48``.

Both play the same sweeps, seed by seed: four trials run at once, the next candidate is asked for when one of them ends,
and how long a trial takes is drawn from its number and the seed. Nothing waits: the time is simulated. The values are
shares of the best known frontier's hypervolume (benchmarks/nas_surrogate).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import heapq
import json
import logging
import math
import random
import statistics
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nas_surrogate
from measuring.result import Cell, Figure, Result, Table, begin, finish
from peers.kernel import compile_kernel
from sweep_players import Player, player

PENDING = 4
SIGMA = 0.5  # of the logarithm of a trial's duration
REPORTED = (24, 48)


def play(optimizer: Player, seed: int, n_trials: int, noisy: bool) -> list[dict[str, Any]]:
    """The points of the trials in the order in which these ended."""
    running: list[tuple[float, int]] = []
    points: dict[int, dict[str, Any]] = {}
    ended: list[dict[str, Any]] = []
    now = 0.0
    while len(ended) < n_trials:
        while len(running) < PENDING and len(points) < n_trials:
            index = len(points)
            points[index] = optimizer.ask(index)
            duration = math.exp(random.Random(f"{seed} {index}").gauss(0, SIGMA))
            heapq.heappush(running, (now + duration, index))
        now, index = heapq.heappop(running)
        optimizer.tell(index, nas_surrogate.evaluate(points[index], seed if noisy else None))
        ended.append(points[index])
    return ended


def measure(method: str, seed: int, n_trials: int, noisy: bool) -> dict[str, Any]:
    begun = time.process_time()
    points = play(player(method, nas_surrogate.problem(), seed), seed, n_trials, noisy)
    row: dict[str, Any] = {"method": method, "seed": seed, "CPU s": round(time.process_time() - begun, 1)}
    for corner in nas_surrogate.CORNERS:
        for count in sorted({count for count in REPORTED if count < n_trials} | {n_trials}):
            row[f"{corner} @{count}"] = round(nas_surrogate.share_of_frontier(points[:count], corner), 4)
    return row


def result(options: argparse.Namespace, rows: Sequence[Mapping[str, Any]]) -> Result:
    columns = [name for name in rows[0] if name not in ("method", "seed")]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    means: list[list[Cell]] = [
        [method, *(statistics.mean(row[name] for row in rows if row["method"] == method) for name in columns)]
        for method in methods
    ]
    tables = [Table(["method", *columns], means)]
    figures = []
    for method in methods if options.seeds > 1 and "bare" in methods else ():
        if method != "bare":
            gains = {name: _gains(rows, method, name) for name in columns[1:]}
            cells: list[list[Cell]] = [[name, *_mean_and_error(gain)] for name, gain in gains.items()]
            tables.append(Table(["share", "more", "standard error"], cells, f"{method} beside bare, seed by seed:"))
            figures += [_figure(method, name, gain) for name, gain in gains.items()]
    about = (
        f"The share of the best known frontier's hypervolume after so many trials, in the mean of {options.seeds} "
        f"seeds, with {PENDING} trials at once in simulated time, above the thresholds and above a wide corner (0.80, "
        "118,282). The trials are those of the NAS surrogate, and bare is Ax's own Client with its defaults."
    )
    plain = {name: value for name, value in vars(options).items() if name != "json"}
    return Result("quality", "Quality of the candidates", about, tables, figures, plain, {"rows": list(rows)})


def _gains(rows: Sequence[Mapping[str, Any]], method: str, name: str) -> list[float]:
    """How much more than the bare Client with the same seed."""
    bare = {row["seed"]: row[name] for row in rows if row["method"] == "bare"}
    return [row[name] - bare[row["seed"]] for row in rows if row["method"] == method]


def _mean_and_error(gains: Sequence[float]) -> tuple[float, float]:
    return statistics.mean(gains), statistics.stdev(gains) / math.sqrt(len(gains))


def _figure(method: str, name: str, gains: Sequence[float]) -> Figure:
    """Not lower means: not by more than two standard errors."""
    mean, error = _mean_and_error(gains)
    return Figure(f"{method} beside bare, {name}", mean, f"at least 0 (± {2 * error:.3f})", mean + 2 * error >= 0)


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    before = begin()
    if "bare" in options.methods.split(","):
        compile_kernel(options.trials)
    rows = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for method in options.methods.split(","):
            rows.append(measure(method, seed, options.trials, options.noisy))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    finish(result(options, rows), before, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--methods", default="auto,bare", help="of auto, fast, sobol, random, bare")
    parser.add_argument("--noisy", action="store_true", help="outcomes of one training, not of the mean of many")
    parser.add_argument("--json", "--out", dest="json", type=Path, help="write the result there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
