"""Where jobs go: this machine, or Slurm."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ax_moo.jobs.launcher import JobHandle, JobRequest
from ax_moo.trial import Job
from ax_moo_launchers.handle import SubmititHandle


class Queue(Protocol):
    """What a launcher hands its jobs to."""

    @property
    def max_jobs(self) -> int | None:
        """How many jobs run at once at most; None for as many as there are."""
        ...

    @property
    def default_parallel(self) -> int | None:
        """How many jobs of a launch that waits run at once where the user sets no limit; None for all."""
        ...

    def check(self) -> None: ...

    def submit(self, calls: Mapping[JobRequest, tuple[Any, ...]]) -> Sequence[SubmititHandle]:
        """Submit one call (a function and its arguments) per request: all of them, or none where this raises."""
        ...

    def attach(self, job: Job) -> JobHandle: ...

    def find(self, trial: int, attempt: int = 1) -> JobHandle | None: ...
