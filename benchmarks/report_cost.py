"""CPU time, memory and size of a report: ``python benchmarks/report_cost.py [TRIALS ...]``, by default 48 and 1000.

The sweeps are made up: random points of the NAS search, and the outcomes of its surrogate, with noise. Each report is
written by a process of its own, and its CPU time is told apart: what Ax's own analyses take (fit, cross-validation,
sensitivity), and all the rest.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nas_surrogate import evaluate, problem
from nas_surrogate.trials import random_point

from ax_moo.storage.journal import Journal
from ax_moo.trial import Parameterization, Trial, TrialStatus

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


def trials(count: int, seed: int = 0) -> list[Trial]:
    draw = random.Random(seed)
    return [_trial(index, random_point(draw), seed) for index in range(count)]


def _trial(index: int, point: Parameterization, seed: int) -> Trial:
    outcome = evaluate(point, seed)
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
