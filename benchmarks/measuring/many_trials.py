"""A sweep of many simulated jobs, and what it costs its controller: run as a program by ``scale.py``."""

import json
import logging
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # it is run by its path

from nas_surrogate import problem

from ax_moo.cli.status import facts_of
from ax_moo.console.progress import LogLines
from ax_moo.html_report.observer import ReportObserver
from ax_moo.jobs.launcher import JobHandle, JobRequest, JobResult
from ax_moo.optimizer.base import Method, Optimizer
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.problem.problem import Problem
from ax_moo.results.tables import TRIALS_FILE, write_results
from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.folder import open_folder
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.observers import Observer
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Settings
from ax_moo.trial import Trial
from measuring.simulated_jobs import SimulatedJob, SimulatedLauncher


@dataclass
class OneOfMany(SimulatedJob):
    """A job of :class:`ManyJobs`."""

    launcher: "ManyJobs"
    was_seen_to_end: bool = False

    def has_ended(self) -> bool:
        self.was_seen_to_end = self.was_seen_to_end or self.launcher.ends(self)
        return self.was_seen_to_end

    def result(self) -> JobResult:
        values = [float(override.split("=")[1]) for override in self.request.overrides]
        return JobResult({"val_acc": 0.9 + values[4] / 10, "num_params": values[0] * values[1]})


class ManyJobs(SimulatedLauncher):
    """Its oldest job ends when ``at_once`` of them run, and every job when ``n_trials`` have been submitted."""

    def __init__(self, n_trials: int, at_once: int) -> None:
        self._n_trials = n_trials
        self._at_once = at_once
        self._running: dict[int, OneOfMany] = {}
        self._submitted = 0

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        jobs = [OneOfMany(each, self) for each in requests]
        self._running |= {job.request.trial: job for job in jobs}
        self._submitted += len(jobs)
        return jobs

    def ends(self, job: OneOfMany) -> bool:
        is_oldest = next(iter(self._running)) == job.request.trial
        if not is_oldest or (len(self._running) < self._at_once and self._submitted < self._n_trials):
            return False
        del self._running[job.request.trial]
        return True


class Begin:
    """The moment from which CPU time counts: when Ax has been imported, if it is."""

    def __init__(self) -> None:
        self.note()

    def note(self) -> None:
        self.cpu, self.wall = time.process_time(), time.monotonic()


def run(n_trials: int, at_once: int, method: str, folder: Path) -> dict[str, Any]:
    """The figures of one simulated sweep in this process."""
    described, begin = problem(), Begin()

    def optimizer(previous: Sequence[Trial]) -> Optimizer:
        built = _optimizer(described, method, previous)
        begin.note()
        return built

    settings = Settings(n_trials=n_trials, n_jobs=at_once, method=Method(method), seed=1)
    observers: list[Observer] = [LogLines(), ReportObserver(folder)]
    about = {"n_trials": n_trials, "n_jobs": at_once, "method": method, "seed": 1}
    launcher = ManyJobs(n_trials, at_once)
    thread = time.thread_time()
    sweep = Sweep(described, settings, launcher, folder, optimizer, observers, about, design=_design(described, method))
    trials = sweep.run().trials
    found = {
        "trials": len(trials),
        "cpu_ms_per_trial": 1000 * (time.process_time() - begin.cpu) / n_trials,
        "loop_ms_per_trial": 1000 * (time.thread_time() - thread) / n_trials,
        "wall_s": time.monotonic() - begin.wall,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "page_cpu_s": sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]),
        "tables_s": _cpu_of(lambda: write_results(folder, trials, described)),
        "status_s": _cpu_of(lambda: facts_of(open_folder(folder), time.time())),
        "read_s": _cpu_of(lambda: resume.previous_run(folder)),
        "replay_s": _cpu_of(lambda: _replayed(described, method, trials)),
        "journal_bytes_per_trial": (folder / JOURNAL_FILE).stat().st_size / n_trials,
        "table_bytes_per_trial": (folder / TRIALS_FILE).stat().st_size / n_trials,
    }
    return found


def _cpu_of(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin


def _optimizer(described: Problem, method: str, previous: Sequence[Trial]) -> Optimizer:
    from ax_moo.optimizer.bayes.ax_client import AxOptimizer

    found = AxOptimizer(described, method, seed=1)
    found.replay(previous)
    return found


def _design(described: Problem, method: str) -> InitialDesign:
    return InitialDesign(described, Method(method), seed=1)


def _replayed(described: Problem, method: str, trials: Sequence[Trial]) -> None:
    """What a resumed sweep does before its first candidate."""
    design = _design(described, method)
    design.replay(trials)
    if not design.is_all:
        _optimizer(described, method, trials)


if __name__ == "__main__":
    n_trials, at_once, method, folder = sys.argv[1:]
    logging.basicConfig(filename=Path(folder, "log"), level=logging.INFO)
    print(json.dumps(run(int(n_trials), int(at_once), method, Path(folder))))
