"""A launcher whose jobs end when the test says so, and an optimizer that proposes what it is told to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ax_moo.jobs.launcher import JobHandle, JobRequest, JobResult, JobState
from ax_moo.optimizer.base import Candidate, SearchSpaceExhausted
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.trial import Job, Trial

Answer = Callable[[JobRequest], JobResult]


def problem(
    *arguments: str,
    objectives: dict[str, Any] | None = None,
    outcome_constraints: Sequence[str] = (),
    parameter_constraints: Sequence[str] = (),
) -> Problem:
    """A problem as the command line and config would describe it."""
    space = SearchSpace.from_config({}, arguments or ("x=interval(0, 1)", "y=interval(0, 1)"))
    return Problem.from_config(space, objectives or {}, list(outcome_constraints), list(parameter_constraints))


TWO_OBJECTIVES = {
    "f": {"direction": "maximize", "threshold": 0.0},
    "g": {"direction": "minimize", "threshold": 1.0},
}


@dataclass
class ScriptedHandle:
    """Ends at its ``polls``-th question with what ``answer`` makes of the request."""

    request: JobRequest
    answer: Answer
    polls: int
    log: list[str]
    lost: Sequence[JobRequest] = ()
    job: Job = field(init=False)
    cancelled: bool = False

    def __post_init__(self) -> None:
        number = f"{self.request.trial}.{self.request.attempt}" if self.request.attempt > 1 else self.request.trial
        self.job = Job(f"job-{number}", f"/jobs/{number}")

    def state(self) -> JobState:
        self.polls -= 1
        if self.polls > 0 and not self.cancelled:
            return JobState.RUNNING
        self.log.append(f"end {self.request.trial}")
        is_lost = self.cancelled or self.request in self.lost or self.answer(self.request).fault is not None
        return JobState.LOST if is_lost else JobState.FINISHED

    def result(self) -> JobResult:
        return self.answer(self.request)

    def cancel(self) -> None:
        self.cancelled = True


class ScriptedLauncher:
    """Remembers every submission; ``polls`` says how many questions a trial's job lives for.

    A job whose request is in ``lost``, or whose answer has a fault, ends as one that was lost; its answer's error says
    why.
    """

    is_blocking = False
    max_jobs: int | None = None

    def __init__(
        self, answer: Answer, polls: Callable[[int], int] = lambda trial: 2, is_blocking: bool = False
    ) -> None:
        self.answer = answer
        self.polls = polls
        self.is_blocking = is_blocking
        self.batches: list[list[int]] = []
        self.requests: dict[int, JobRequest] = {}
        self.log: list[str] = []
        self.handles: list[ScriptedHandle] = []
        self.lost: list[JobRequest] = []

    def check(self) -> None:
        pass

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        self.batches.append([request.trial for request in requests])
        self.log += [f"submit {request.trial}" for request in requests]
        self.requests |= {request.trial: request for request in requests}
        handles = [ScriptedHandle(r, self.answer, self.polls(r.trial), self.log, self.lost) for r in requests]
        self.handles += handles
        return handles

    def cancel_command(self, jobs: Sequence[Job]) -> str:
        return ""

    def attach(self, job: Job) -> JobHandle:
        (handle,) = (handle for handle in self.handles if handle.job == job)
        return handle

    def find(self, request: JobRequest) -> JobHandle | None:
        return next((handle for handle in self.handles if handle.request == request), None)


def values_of(request: JobRequest) -> dict[str, float]:
    """The numbers in a request's overrides, by key."""
    return {key: float(value) for key, value in (o.split("=", 1) for o in request.overrides)}


def two_objectives(request: JobRequest) -> JobResult:
    """f and g in conflict over x and y."""
    x = values_of(request)
    return JobResult({"f": 1 - (x["x"] - 0.2) ** 2 - x["y"], "g": (x["x"] - 0.8) ** 2 + x["y"] / 2})


class ListedCandidates:
    """An optimizer without a model: x and y from a fixed sequence; remembers what it was asked and told, in order."""

    def __init__(self, exhausted_after: int | None = None, waits_at: dict[int, int] | None = None) -> None:
        self.log: list[str] = []
        self._exhausted_after = exhausted_after
        self._waits_at = waits_at or {}
        self._told = 0

    def ask(self, index: int) -> Candidate | None:
        if self._exhausted_after is not None and index >= self._exhausted_after:
            raise SearchSpaceExhausted(f"all {index} points were tried")
        if self._told < self._waits_at.get(index, 0):
            self.log.append(f"wait {index}")
            return None
        self.log.append(f"ask {index}")
        return Candidate({"x": (index * 0.37) % 1, "y": (index * 0.61) % 1}, "Listed")

    def accept(self, trial: Trial) -> None:
        self.log.append(f"accept {trial.index}")

    def tell(self, trial: Trial) -> None:
        self._told += 1
        self.log.append(f"tell {trial.index}")
