"""What a sweep of many trials costs its controller: ``python benchmarks/scale.py [TRIALS ...]``, else 100 and 1000.

The loop, Ax, the journal, the progress lines, the page and the tables are the real ones. The jobs are simulated: the
oldest of them ends as soon as ``--at-once`` run, so that no time passes in which nothing happens. With ``--slurm`` a
real sweep runs on a Slurm cluster that this program starts (it needs root on Debian); its jobs do nothing.
Each size runs in a process of its own. All figures are told apart from what Ax's import costs.
"""

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report_cost import problem

from ax_moo.cli.status import facts_of
from ax_moo.console.progress import LogLines
from ax_moo.html_report.observer import ReportObserver
from ax_moo.jobs.launcher import JobHandle, JobRequest, JobResult, JobState
from ax_moo.optimizer.base import Optimizer
from ax_moo.results.tables import TRIALS_FILE, write_results
from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.folder import open_folder
from ax_moo.sweep import resume
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.settings import Settings
from ax_moo.trial import Job, Trial

SCALE_SLURM = Path(__file__).with_name("scale_slurm.py")


@dataclass
class SimulatedJob:
    """A job of a :class:`SimulatedLauncher`."""

    request: JobRequest
    launcher: "SimulatedLauncher"
    job: Job
    has_ended: bool = False

    def state(self) -> JobState:
        self.launcher.questions += 1
        self.has_ended = self.has_ended or self.launcher.ends(self)
        return JobState.FINISHED if self.has_ended else JobState.RUNNING

    def result(self) -> JobResult:
        values = [float(override.split("=")[1]) for override in self.request.overrides]
        return JobResult({"val_acc": 0.9 + values[4] / 10, "num_params": values[0] * values[1]})

    def cancel(self) -> None:
        pass


class SimulatedLauncher:
    """Its oldest job ends when ``at_once`` of them run, and every job when ``n_trials`` have been submitted."""

    is_blocking = False
    max_jobs: int | None = None

    def __init__(self, n_trials: int, at_once: int) -> None:
        self._n_trials = n_trials
        self._at_once = at_once
        self._running: dict[int, SimulatedJob] = {}
        self._submitted = 0
        self.questions = 0

    def check(self) -> None:
        pass

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        jobs = [SimulatedJob(each, self, Job(f"job-{each.trial}", f"/jobs/{each.trial}")) for each in requests]
        self._running |= {job.request.trial: job for job in jobs}
        self._submitted += len(jobs)
        return jobs

    def ends(self, job: SimulatedJob) -> bool:
        is_oldest = next(iter(self._running)) == job.request.trial
        if not is_oldest or (len(self._running) < self._at_once and self._submitted < self._n_trials):
            return False
        del self._running[job.request.trial]
        return True

    def attach(self, job: Job) -> JobHandle:
        raise NotImplementedError

    def find(self, request: JobRequest) -> JobHandle | None:
        return None

    def cancel_command(self, jobs: Sequence[Job]) -> str:
        return ""


class Clocked:
    """An observer that notes how much CPU time the sweep's own thread and its process have used, trial by trial."""

    def __init__(self) -> None:
        self.begin = (0.0, 0.0)

    def built(self) -> None:
        """Ax is imported."""
        self.begin = (time.process_time(), time.monotonic())

    def cpu(self) -> float:
        return time.process_time() - self.begin[0]

    def wall(self) -> float:
        return time.monotonic() - self.begin[1]


def run(n_trials: int, at_once: int, method: str, folder: Path) -> dict[str, Any]:
    """The figures of one simulated sweep in this process."""
    described, clocked = problem(), Clocked()

    def optimizer(previous: Sequence[Trial]) -> Optimizer:
        from ax_moo.optimizer.ax_client import AxOptimizer

        found = AxOptimizer(described, method, seed=1)
        found.replay(previous)
        clocked.built()
        return found

    launcher = SimulatedLauncher(n_trials, at_once)
    settings = Settings(n_trials=n_trials, n_jobs=at_once, method=method, seed=1)
    observers = [LogLines(), ReportObserver(folder)]
    about = {"n_trials": n_trials, "n_jobs": at_once, "method": method, "seed": 1}
    loop_begin = time.thread_time()
    ending = Sweep(described, settings, launcher, folder, optimizer, observers, about).run()
    facts = {
        "trials": len(ending.trials),
        "cpu_ms_per_trial": 1000 * clocked.cpu() / n_trials,
        "loop_ms_per_trial": 1000 * (time.thread_time() - loop_begin) / n_trials,
        "wall_s": clocked.wall(),
        "questions_per_trial": launcher.questions / n_trials,
        "tables_s": _cpu_of(lambda: write_results(folder, ending.trials, described)),
        "status_s": _cpu_of(lambda: facts_of(open_folder(folder), time.time())),
        "read_s": _cpu_of(lambda: resume.previous_run(folder)),
        "replay_s": _cpu_of(lambda: optimizer(ending.trials)),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "page_cpu_s": sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]),
        "journal_bytes_per_trial": (folder / JOURNAL_FILE).stat().st_size / n_trials,
        "table_bytes_per_trial": (folder / TRIALS_FILE).stat().st_size / n_trials,
    }
    return facts


def _cpu_of(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin


def measure(n_trials: int, at_once: int, method: str, profile: bool) -> dict[str, Any]:
    """The figures of a sweep in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *(["-m", "cProfile", "-o", f"{n_trials}.prof"] if profile else []), __file__]
        options = ["--inside", folder, "--at-once", str(at_once), "--method", method]
        environ = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, str(n_trials), *options], check=True, env=environ, stdout=subprocess.PIPE, text=True
        )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as lines: one for each figure, with a column for each sweep."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return "\n".join(f"{name:24}" + "".join(f"{row.get(name, 0.0):>12.6g}" for row in rows) for name in names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--method", default="sobol")
    parser.add_argument("--slurm", action="store_true")
    parser.add_argument("--profile", action="store_true", help="write TRIALS.prof for each sweep")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        logging.basicConfig(filename=asked.inside / "log", level=logging.INFO)
        print(json.dumps(run(asked.trials[0], asked.at_once, asked.method, asked.inside)))
        return
    rows = [measure(count, asked.at_once, asked.method, asked.profile) for count in asked.trials]
    print(table(rows))
    if asked.json:
        asked.json.write_text(json.dumps({"method": asked.method, "at_once": asked.at_once, "sweeps": rows}, indent=1))


if __name__ == "__main__":
    main()
