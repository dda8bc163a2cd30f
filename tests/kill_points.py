"""Kill a sweep at an exact point in the life of one trial: what a test's command line does when KILL_AT is set."""

import os
import signal
from pathlib import Path

from ax_moo.storage.journal import Journal
from ax_moo.trial import Trial, TrialStatus

POINTS = ("proposed", "staged", "unpublished", "submitted", "noted", "told")
"""The rows of the table in docs/reliability.md, in its order."""


def arm(where: str) -> None:
    """``where`` is point:trial."""
    point, trial = where.split(":")
    if point == "unpublished":
        _before_publishing(int(trial))
    else:
        _at_record(point, int(trial))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _at_record(point: str, index: int) -> None:
    status, is_before = {
        "proposed": (TrialStatus.STAGED, True),
        "staged": (TrialStatus.STAGED, False),
        "submitted": (TrialStatus.RUNNING, True),
        "noted": (TrialStatus.RUNNING, False),
        "told": (TrialStatus.COMPLETED, False),
    }[point]
    record = Journal.record

    def record_or_die(self: Journal, trial: Trial) -> None:
        is_here = trial.index == index and trial.status is status
        if is_here and is_before:
            _die()
        record(self, trial)
        if is_here:
            _die()

    Journal.record = record_or_die  # type: ignore[method-assign]


def _before_publishing(index: int) -> None:
    """The job is submitted, and its pickle does not have its final name yet."""
    rename = Path.rename

    def rename_or_die(self: Path, target: Path) -> Path:
        if target.name.endswith("_submitted.pkl") and target.parent.name == str(index):
            _die()
        return rename(self, target)

    Path.rename = rename_or_die  # type: ignore[method-assign]
