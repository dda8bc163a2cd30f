"""What a sweep and its trials are called in W&B, the same in each of their lives."""

import hashlib
import os
import re
from pathlib import Path

LONGEST_NAME_IN_ID = 40


def trial_run_id(sweep: str, folder: Path, trial: int) -> str:
    """The same for a requeued trial, so that it goes on with its run; another for a sweep in another folder."""
    return f"{_prefix(sweep, folder)}-{trial}"


def sweep_run_id(sweep: str, folder: Path) -> str:
    """The id of the sweep's own run, which goes on with it when the sweep is resumed."""
    return f"{_prefix(sweep, folder)}-sweep"


def results_name(group: str) -> str:
    """The name of the artifact that holds a sweep's results."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', group)[:100]}-results"


def _prefix(sweep: str, folder: Path) -> str:
    # W&B refuses :;,#?/' in ids, and ids that are too long.
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", sweep)[:LONGEST_NAME_IN_ID]
    where = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
    return f"{readable}-{where}"
