"""A sweep of long trials in simulated time: the real loop and the real Ax, and jobs that only have an end.

    python benchmarks/simulated_sweep.py '{"method": "auto", "durations": [30, 12.5], "slots": 4, "overhead": 0.6}'

While the optimizer computes, simulated time passes as real time does: a candidate costs what it costs. Only when it has
nothing to do, time jumps to the end of the next job. ``overhead`` is what a job takes beyond its duration.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring.simulated_jobs import SimulatedJob, SimulatedLauncher
from measuring.slot_time import Worked, slot_time

from ax_moo.jobs.launcher import JobHandle, JobRequest, JobResult
from ax_moo.optimizer.base import Candidate, Method, Optimizer
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.sweep.loop import POLL_SECONDS, Sweep
from ax_moo.sweep.observers import Progress
from ax_moo.sweep.settings import Settings
from ax_moo.trial import Trial, TrialStatus

SPACE = ("x=interval(0,1)", "y=interval(0,1)")
OBJECTIVES = {
    "near": {"direction": "minimize", "threshold": 1.5},
    "far": {"direction": "minimize", "threshold": 1.0},
}


class Clock:
    def __init__(self) -> None:
        self._skipped = 0.0

    def __call__(self) -> float:
        return time.time() + self._skipped

    def skip_to(self, when: float) -> None:
        self._skipped += max(0.0, when - self())


@dataclass
class TimedJob(SimulatedJob):
    worked: Worked
    clock: Clock

    def has_ended(self) -> bool:
        return self.clock() >= self.worked.ended

    def result(self) -> JobResult:
        x, y = (float(override.partition("=")[2]) for override in sorted(self.request.own_overrides))
        return JobResult(value=[x**2 + y, (x - 1) ** 2 + (y - 0.5) ** 2])


class TimedLauncher(SimulatedLauncher):
    """Each of its jobs takes as long as it is said beforehand."""

    def __init__(self, durations: Sequence[float], overhead: float, clock: Clock) -> None:
        self.durations, self.overhead, self.clock = durations, overhead, clock
        self.jobs: dict[int, TimedJob] = {}

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        began = self.clock() + self.overhead
        for request in requests:
            worked = Worked(began, began + self.durations[request.trial])
            self.jobs[request.trial] = TimedJob(request, worked, self.clock)
        return [self.jobs[request.trial] for request in requests]


class WatchedOptimizer:
    """An optimizer that says whether it computes. It is built when the sweep asks for it, as the real one is."""

    def __init__(self, problem: Problem, settings: Settings) -> None:
        self._problem, self._settings = problem, settings
        self._optimizer: Optimizer
        self.is_working = False

    def build(self, previous: Sequence[Trial]) -> "WatchedOptimizer":
        with self._working():
            from ax_moo.optimizer.bayes.ax_client import AxOptimizer

            settings = self._settings
            optimizer = AxOptimizer(self._problem, settings.method, settings.seed, settings.n_initial, settings.initial)
            optimizer.replay(previous)
            self._optimizer = optimizer
        return self

    def ask(self, index: int) -> Candidate | None:
        with self._working():
            return self._optimizer.ask(index)

    def tell(self, trial: Trial) -> None:
        with self._working():
            self._optimizer.tell(trial)

    def accept(self, trial: Trial) -> None:
        with self._working():
            self._optimizer.accept(trial)

    @contextmanager
    def _working(self) -> Any:
        self.is_working = True
        try:
            yield
        finally:
            self.is_working = False


class Skipper:
    """An observer that lets time jump when all that is left to do is to wait for a job.

    It jumps to half a poll before the job's end, so that the end is noticed as late as it is on average.
    """

    def __init__(self, launcher: TimedLauncher, optimizer: WatchedOptimizer, slots: int) -> None:
        self._launcher, self._optimizer, self._slots = launcher, optimizer, slots
        self._was_idle = False

    def open(self, problem: Problem, trials: Sequence[Trial]) -> None: ...

    def on_trial_state(self, trial: Trial) -> None: ...

    def on_poll(self, progress: Progress) -> None:
        is_full = progress.count(TrialStatus.RUNNING) >= self._slots
        is_idle = not self._optimizer.is_working and (is_full or not progress.is_asking)
        # Between the question and its answer's beginning the optimizer looks idle for a moment.
        if is_idle and self._was_idle:
            self._skip([trial.index for trial in progress.trials if trial.status is TrialStatus.RUNNING])
            is_idle = False
        self._was_idle = is_idle

    def _skip(self, running: Sequence[int]) -> None:
        ends = [self._launcher.jobs[index].worked.ended for index in running]
        if ends:
            self._launcher.clock.skip_to(min(ends) - POLL_SECONDS / 2)

    def close(self) -> None: ...


def simulate(method: str, durations: Sequence[float], slots: int, overhead: float, seed: int = 1) -> dict[str, float]:
    """The makespan, and the slots' time by part, both in simulated seconds."""
    problem = Problem.from_config(SearchSpace.from_config({}, SPACE), OBJECTIVES, [], [])
    settings = Settings(n_trials=len(durations), n_jobs=slots, method=Method(method), seed=seed)
    clock = Clock()
    launcher, optimizer = TimedLauncher(durations, overhead, clock), WatchedOptimizer(problem, settings)
    began = clock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        skipper = Skipper(launcher, optimizer, slots)
        design = InitialDesign(problem, settings.method, seed, settings.n_initial, settings.initial)
        Sweep(problem, settings, launcher, folder, optimizer.build, [skipper], clock=clock, design=design).run()
        work = {index: job.worked for index, job in launcher.jobs.items()}
        parts = slot_time(folder, work, slots, began)
    return {"makespan": max(each.ended for each in work.values()) - began, **parts}


if __name__ == "__main__":
    print(json.dumps(simulate(**json.loads(sys.argv[1]))))
