"""CPU time, memory and size of a report: ``python benchmarks/report_cost.py [TRIALS ...]``, by default 48 and 1000.

The sweeps are made up: the parameters and objectives of conf/hydra/sweeper/ax_moo.yaml, random points, and outcomes
with the shape and the noise of the real ones. Each report is written by a process of its own, as in a sweep, and its
CPU time is told apart: what Ax's own analyses take (fit, cross-validation, sensitivity), and all the rest.
"""

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.storage.journal import Journal
from ax_moo.trial import Parameterization, Trial, TrialStatus

CONFIG = Path(__file__).parents[1] / "conf/hydra/sweeper/ax_moo.yaml"

WRITE = """
import json, resource, sys, time
from pathlib import Path
from ax_moo.html_report import surrogate_model
from ax_moo.html_report.writing import write_report

in_ax = {}

def timed(owner, name):
    function = getattr(owner, name)
    def wrapped(*arguments, **options):
        begin = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            in_ax[name] = in_ax.get(name, 0.0) + time.process_time() - begin
    setattr(owner, name, wrapped)

timed(surrogate_model, "_fit")
timed(surrogate_model.CrossValidationPlot, "compute")
timed(surrogate_model.SensitivityAnalysisPlot, "compute")
begin = time.time()
page = write_report(Path(sys.argv[1]))
print(json.dumps({
    "seconds": time.time() - begin,
    "cpu": time.process_time(),
    "in_ax": sum(in_ax.values()),
    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "page": page.stat().st_size / 1e6,
}))
"""


def problem() -> Problem:
    """The application's search, straight from its config."""
    config = yaml.safe_load(CONFIG.read_text())
    return Problem.from_config(SearchSpace.from_config(config["params"], ()), config["objectives"], (), ())


def trials(count: int, seed: int = 0) -> list[Trial]:
    draw = random.Random(seed)
    return [_trial(index, _point(draw), draw.gauss(0, 0.008)) for index in range(count)]


def _point(draw: random.Random) -> dict[str, float]:
    return {
        "model.hidden_size_1": round(16 * 8 ** draw.random()),
        "model.hidden_size_2": round(16 * 8 ** draw.random()),
        "model.learning_rate": 10 ** draw.uniform(-4, -2),
        "trainer.max_epochs": draw.randint(1, 4),
        "model.dropout": draw.uniform(0, 0.5),
        "data.batch_size": draw.choice([32, 64, 128, 256]),
    }


def _trial(index: int, point: Parameterization, noise: float) -> Trial:
    first, second = point["model.hidden_size_1"], point["model.hidden_size_2"]
    rate = math.log10(point["model.learning_rate"]) + 2.6
    steps = math.log2(32 * point["trainer.max_epochs"] / point["data.batch_size"])
    accuracy = 0.94 + 0.015 * math.log(first * second / 1024) - 0.02 * rate**2 + 0.004 * steps + noise
    outcome = {
        "val_acc": min(accuracy - 0.05 * point["model.dropout"] ** 2, 0.999),
        "num_params": float(785 * first + (first + 1) * second + 10 * (second + 1)),
    }
    began = time.time() - 3600 + 2 * index
    return Trial(index, point, TrialStatus.COMPLETED, "MBM", outcome=outcome, start_time=began, time=began + 8)


def write_sweep(folder: Path, count: int) -> None:
    journal = Journal(folder)
    journal.begin(problem().to_dict(), {"time": time.time() - 3600, "method": "auto", "seed": 1, "n_trials": count})
    for trial in trials(count):
        journal.record(trial)
    journal.close()


def measure(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        write_sweep(Path(folder), count)
        environ = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-c", WRITE, folder]
        done = subprocess.run(command, check=True, env=environ, stdout=subprocess.PIPE, text=True)
        measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main(counts: list[int]) -> None:
    print("trials  CPU s  of it Ax's analyses  the rest  wall s  memory MB  page MB")
    for count in counts:
        m = measure(count)
        rest = m["cpu"] - m["in_ax"]
        print(
            f"{count:6}  {m['cpu']:5.1f}  {m['in_ax']:19.1f}  {rest:8.1f}  {m['seconds']:6.1f}  {m['memory']:9.0f}"
            f"  {m['page']:7.2f}"
        )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [48, 1000])
