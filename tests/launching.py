"""A launcher as Hydra sets it up, and jobs of it, without a sweep around them."""

from typing import Any

from ax_moo.jobs.launcher import JobHandle, JobRequest
from ax_moo.testing.launching import ENDED, open_launcher, wait_for, wait_until

__all__ = ["ENDED", "open_launcher", "request", "submit", "wait_for", "wait_until"]


def request(trial: int, attempt: int = 1) -> JobRequest:
    return JobRequest(trial, (f"+trial={trial}",), attempt)


def submit(launcher: Any, *trials: int) -> list[JobHandle]:
    return list(launcher.submit([request(trial) for trial in trials]))
