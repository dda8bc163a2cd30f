"""Where jobs go: this machine, or Slurm."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ax_moo.trial import Job
from hydra_plugins.async_submitit_launcher._handle import SubmititHandle


class Queue(Protocol):
    """What a launcher hands its jobs to."""

    @property
    def max_jobs(self) -> int | None:
        """How many jobs run at once at most; None for as many as there are."""
        ...

    def check(self) -> None: ...

    def submit(self, calls: Mapping[int, tuple[Any, ...]]) -> Sequence[SubmititHandle]:
        """Submit one call (a function and its arguments) per trial."""
        ...

    def attach(self, job: Job) -> SubmititHandle: ...

    def cancel_command(self, job_ids: Sequence[str]) -> str: ...

    def find(self, trial: int) -> SubmititHandle | None: ...
