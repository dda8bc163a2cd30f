"""An adapter for Hydra launchers that block: they run a whole batch of jobs and wait for its end."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from typing import Any

from ax_moo.jobs import environment
from ax_moo.jobs.contained import contain
from ax_moo.jobs.launcher import JobHandle, JobRequest, JobResult, JobState, result_of
from ax_moo.jobs.ownership import owned
from ax_moo.jobs.program import OneProgram
from ax_moo.system import signals, terminal
from ax_moo.system.text import error_line
from ax_moo.trial import Job

log = logging.getLogger(__name__)


class _Round:
    """The jobs of one ``submit``; they run when the state of one of them is first asked for.

    ``suspects`` are trials of a round in which a worker process died, and nobody knows whose: each runs alone next.
    """

    def __init__(self, launcher: Any, requests: Sequence[JobRequest], suspects: set[int]) -> None:
        self.launcher = launcher
        self.requests = list(requests)
        self.lost: set[int] = set()
        self._suspects = suspects
        self._results: list[JobResult] | None = None

    def results(self) -> list[JobResult]:
        if self._results is None:
            # The results are set before the launcher runs, so that after Ctrl-C the round does not run again.
            self._results = [JobResult(error="its round was interrupted")] * len(self.requests)
            self._results = [result for some in self._together() for result in self._run(some)]
        return self._results

    def _together(self) -> list[list[JobRequest]]:
        """The requests of each launch: suspects alone, the others with their neighbours."""
        found: list[list[JobRequest]] = []
        for each in self.requests:
            if found and not {each.trial, found[-1][-1].trial} & self._suspects:
                found[-1].append(each)
            else:
                found.append([each])
        return found

    def _run(self, requests: Sequence[JobRequest]) -> list[JobResult]:
        overrides = [list(request.overrides) for request in requests]
        # A signal that came is raised again after the block. What else is raised is the launcher's failure.
        with signals.reraised():
            try:
                with environment.without_a_run(), terminal.kept(), self._in_own_folders():
                    returns = self.launcher.launch(overrides, initial_job_idx=requests[0].trial)
                results = [result_of(job_return) for job_return in returns]
            except BaseException as error:
                log.debug("The launcher raised", exc_info=True)
                if isinstance(error, BrokenExecutor):
                    self.lost.update(request.trial for request in requests)
                    self._suspects |= self.lost
                return [JobResult(error=error_line(error))] * len(requests)
        missing = len(requests) - len(results)
        return results + [JobResult(error="the launcher returned nothing for this job")] * missing

    @contextmanager
    def _in_own_folders(self) -> Iterator[None]:
        """Within the block the launcher's jobs run only in folders of their own, wherever the launcher runs them."""
        task_function = getattr(self.launcher, "task_function", None)
        if not callable(task_function):
            yield
            return
        first = self.requests[0]
        self.launcher.task_function = OneProgram(owned(task_function, first.sweep, first.common))
        try:
            yield
        finally:
            self.launcher.task_function = task_function


class _RoundHandle:
    def __init__(self, job: Job, position: int, members: _Round) -> None:
        self.job = job
        self._position = position
        self._round = members

    def state(self) -> JobState:
        self._round.results()
        return JobState.LOST if self._round.requests[self._position].trial in self._round.lost else JobState.FINISHED

    def result(self) -> JobResult:
        return self._round.results()[self._position]

    def cancel(self) -> None:
        """Do nothing: a job either has not begun, or blocks the sweeper until it ends."""


class BlockingLauncherAdapter:
    """An AsyncLauncher around a launcher that blocks (basic, joblib).

    ``submit`` only stores the requests; the first call of ``state`` for one of the jobs runs the whole round in the
    calling thread. The trials of a round must be consecutive. ``attach`` is for jobs that an earlier process of the
    sweep left running under a launcher that does not block. ``why`` says why a launcher that looks as if it need not
    block does so.
    """

    is_blocking: bool = True

    def __init__(self, launcher: Any, attach: Callable[[Job], JobHandle], why: str = "") -> None:
        self.launcher = launcher
        self._attach = attach
        self._why = why
        self._suspects: set[int] = set()
        contain(launcher)
        # Hydra's basic launcher runs a batch one by one: all but its first candidate would miss the newest results.
        # A class that derives from it does the same, unless it has its own launch.
        runs_one_by_one = getattr(type(launcher).launch, "__qualname__", "") == "BasicLauncher.launch"
        self.max_jobs: int | None = 1 if runs_one_by_one else None

    @property
    def manner(self) -> str:
        """How the launcher runs trials, in words for the user."""
        how = "runs one trial at a time" if self.max_jobs == 1 else "waits for all of its jobs, so trials run in rounds"
        return f"{type(self.launcher).__name__} {how}" + (f" ({self._why})" if self._why else "")

    def check(self) -> None:
        """Do nothing: only the launcher itself knows its settings."""

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        members = _Round(self.launcher, requests, self._suspects)
        return [
            _RoundHandle(Job(str(request.trial), ""), position, members) for position, request in enumerate(requests)
        ]

    def cancel_command(self, jobs: Sequence[Job]) -> str:
        del jobs
        return ""

    def attach(self, job: Job) -> JobHandle:
        return self._attach(job)

    def find(self, request: JobRequest) -> JobHandle | None:
        """None: the launcher's jobs have ended with the sweeper."""
        del request
        return None
