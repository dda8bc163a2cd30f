"""Trials and a problem with unusual values, which a storage must return exactly as they were written."""

import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ax_moo.problem.constraints import OutcomeConstraint, ParameterConstraint
from ax_moo.problem.objectives import Objective
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Choice, Fixed, Range, SearchSpace
from ax_moo.storage.base import Storage
from ax_moo.trial import Attempt, Fault, Job, Trial, TrialStatus

PROBLEM = Problem(
    SearchSpace(
        (
            Range("lr", 1e-4, 0.1, "float", log_scale=True),
            Range("wd", 1e-5, 1.0, "float", log_scale=True, prefix="+"),
            Range("width", 8, 64, "int", step=8),
            Choice("act", ("relu", "gelu", None, True, 2), is_ordered=False),
            Fixed("layers", [8, {"é": 1.5}]),
        ),
        ("epochs=3",),
    ),
    (Objective("accuracy", minimize=False, threshold=0.1 + 0.2), Objective("size", minimize=True, threshold=1e9)),
    (OutcomeConstraint("val/loss", "<=", 1 / 3),),
    (ParameterConstraint((("lr", 1.0), ("wd", -10.0)), 0.0),),
)
ABOUT: dict[str, Any] = {"time": 1_700_000_000.125, "seed": 2**40 + 1, "command": "python 'app é.py'", "git": None}

VALUES: dict[str, Any] = {
    "floats": [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, 1e22, 1.0],
    "ints": [0, -1, 2**53 + 1, 2**200],
    "flags": [True, False, None, 1],
    "strings": ["", "é", "\u2028", "\x00\n\r", "\U0001f600", "\udcff lone surrogate", "'\"\\"],
    "nested": [[], {}, [[1, [2.5, {"a": [None]}]]], {"": {"b.c": "d"}}],
}
RETRIED = (
    Attempt(Job("17", "/jobs/a folder/0", "slurm", {"mem_gb": 0.5}), "killed by signal 9 (SIGKILL)"),
    Attempt(Job("18_2", "/jobs/a folder/0/attempt-2"), "cancelled: é", counts=False),
    Attempt(Job("19", "/jobs/a folder/0/attempt-3", "slurm"), "NODE_FAIL", False, Fault.NODE_FAILED, "n1", 1.5),
)


def life(index: int, at: float = 10.0) -> list[Trial]:
    """The states of a trial that completes after two attempts without a result."""
    staged = Trial(index, VALUES, generation_node="Sobol", generation_seconds=0.1, arm={"lr": -2.5}, time=at)
    running = staged.to(
        TrialStatus.RUNNING, job=Job("19", f"/jobs/{index}", "local"), previous_attempts=RETRIED, time=at + 1 / 3
    )
    outcome = {"accuracy": 0.1 + 0.2, "size": (2.5, 0.1), "exact": (1, 0.0), "count": 2**60}
    return [staged, running, running.to(TrialStatus.COMPLETED, outcome=outcome, time=at + 2 / 3)]


def endless() -> Iterator[Trial]:
    """Trials 0, 1, 2, ... with one state each, without end."""
    index = 0
    while True:
        yield Trial(index, VALUES, TrialStatus.COMPLETED, outcome={"accuracy": index / 3}, time=float(index))
        index += 1


def write(open_storage: Callable[[Path], Storage], folder: Path, recorded: Connection, count: int | None) -> None:
    """Record trials in a process of its own, send the number of each recorded one, and then wait to be killed."""
    writer = open_storage(folder).open()
    writer.begin(PROBLEM.to_dict(), ABOUT)
    for trial in endless():
        if trial.index == count:
            break
        writer.record(trial)
        recorded.send(trial.index)
    recorded.send(None)
    while True:
        time.sleep(1)
