"""The record of a job: a file beside the job's other files that says whose it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from ax_moo.jobs.launcher import JobRequest

EARLIER = "earlier-"
"""What the id of a sweep begins with that an earlier version began: jobs had no records then."""


def record_of(request: JobRequest) -> dict[str, Any]:
    return {**_trial_of(request), "overrides": without_plus(request.own_overrides)}


def is_of(record: Mapping[str, Any] | None, request: JobRequest) -> bool:
    """Whether the job with this record is the one that was requested; None stands for a job without a record."""
    if record is None:
        return not request.sweep or request.sweep.startswith(EARLIER)
    return record.items() >= record_of(request).items()


def is_of_trial(record: Mapping[str, Any], request: JobRequest) -> bool:
    """Whether the job with this record is one of the requested attempt, with whatever parameterization."""
    return record.items() >= _trial_of(request).items()


def without_plus(overrides: Sequence[str]) -> list[str]:
    """The values with their keys; an application's config may have got a key that was new to it (``+key``)."""
    return [override.lstrip("+") for override in overrides]


def _trial_of(request: JobRequest) -> dict[str, Any]:
    return {"sweep": request.sweep, "trial": request.trial, "attempt": request.attempt}
