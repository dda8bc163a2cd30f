"""This version reads, and goes on with, what earlier versions have left (``kept/README.md``)."""

import json
import shutil
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command_line import SWEEPER, command_line
from sweeping import SWEEP_DIR, journal_rows

from ax_moo.problem.constraints import OutcomeConstraint, ParameterConstraint
from ax_moo.problem.objectives import Objective
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Choice, Fixed, Range, SearchSpace
from ax_moo.storage import journal, lock
from ax_moo.trial import Attempt, Job, Trial, TrialStatus

# The results that are kept are pickles of Hydra 1.3.
pytestmark = pytest.mark.one_hydra

KEPT = Path(__file__).parent / "kept"

PROBLEM = Problem(
    SearchSpace(
        (
            Range("lr", 1e-4, 0.1, "float", log_scale=True),
            Range("wd", 1e-5, 1.0, "float", log_scale=True, prefix="+"),
            Range("width", 8, 64, "int", step=8),
            Choice("act", ("relu", None, True, 2, [1.5, {"é": "\udcff"}]), is_ordered=False, prefix="++"),
            Fixed("layers", [8, 2**70]),
        ),
        ("epochs=3",),
    ),
    (Objective("accuracy", minimize=False, threshold=0.1 + 0.2), Objective("size", minimize=True, threshold=1e9)),
    (OutcomeConstraint("val/loss", "<=", 1 / 3),),
    (ParameterConstraint((("lr", 1.0), ("wd", -10.0)), 0.0),),
)
ABOUT = {"time": 1_700_000_000.125, "n_trials": 4, "n_jobs": 2, "seed": 11, "method": "auto", "git": None}
_STAGED = Trial(
    0,
    {"lr": 0.1 + 0.2, "wd": 5e-324, "width": 16, "act": [1.5, {"é": "\udcff"}], "layers": [8, 2**70]},
    generation_node="Sobol",
    generation_seconds=0.411,
    arm={"lr": -0.5228787452803376, "wd": -0.0},
    time=1_700_000_001.5,
)
_FIRST = _STAGED.to(TrialStatus.RUNNING, job=Job("17", "/sweep/.submitit/0", "local"), time=1_700_000_002.25)
_LOST = Attempt(Job("17", "/sweep/.submitit/0", "local"), "killed by signal 9 (SIGKILL)")
_CANCELLED = Attempt(Job("18_2", "/sweep/.submitit/0/attempt-2", "slurm"), "cancelled", counts=False)
_OLD = Job("12", "/sweep/.submitit/1")
STATES = [
    _STAGED,
    _FIRST,
    _FIRST.to(
        TrialStatus.COMPLETED,
        job=Job("19", "/sweep/.submitit/0/attempt-3", "local"),
        previous_attempts=(_LOST, _CANCELLED),
        outcome={"accuracy": 1 / 3, "size": (2.5, 0.1), "val/loss": 2**60},
        time=1_700_000_003.0,
    ),
    *(
        Trial(number, {"lr": 0.01}, status, job=_OLD, reason="why: é", time=1_700_000_004.0 + number)
        for number, status in enumerate((TrialStatus.FAILED, TrialStatus.EARLY_STOPPED, TrialStatus.ABANDONED), 1)
    ),
]


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The project of the sweep that was killed under 3f45ae9, as if it had been here."""
    project = tmp_path / "project"
    shutil.copytree(KEPT / "3f45ae9/killed", project)
    for path in (each for each in project.rglob("*") if each.is_file() and each.suffix != ".pkl"):
        path.write_text(_here(path.read_text(), project))
    return project


def _here(text: str, project: Path) -> str:
    return text.replace("@PROJECT@", str(project)).replace("@HOST@", socket.gethostname())


def _continued() -> list[dict[str, Any]]:
    """The last states of the trials when 3f45ae9 itself went on."""
    rows = [json.loads(line) for line in (KEPT / "3f45ae9/continued.jsonl").read_text().splitlines()[1:]]
    return _last(rows)


def _last(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_trial = {row["trial"]: row for row in rows}
    return [by_trial[trial] for trial in sorted(by_trial)]


def test_a_sweep_that_was_killed_under_3f45ae9_goes_on_as_it_would_have_there(killed: Path) -> None:
    before = (killed / SWEEP_DIR / "sweep.jsonl").read_bytes()
    (killed / "go-4").touch()  # what the second attempt at trial 4 waits for
    name, *command = json.loads((KEPT / "3f45ae9/command.json").read_text())
    ended = command_line(*SWEEPER).run(killed, *command, app=Path(name))
    assert ended.code == 0, ended.stderr

    after = (killed / SWEEP_DIR / "sweep.jsonl").read_bytes()
    assert after.startswith(before), "the journal goes on where it was"
    found, expected = _last(journal_rows(killed)[1:]), _continued()
    for key in ("trial", "status", "attempt"):
        assert [row[key] for row in found] == [row[key] for row in expected]
    # What the model proposes is the same on the same machine; what Sobol proposes is the same on every one.
    for key in ("parameterization", "arm", "generation_node", "outcome"):
        assert [row.get(key) for row in found[:8]] == [row.get(key) for row in expected[:8]]
    assert found[8]["generation_node"] == expected[8]["generation_node"]
    begun = Counter(map(int, (killed / "begun").read_text().split()))
    assert begun == {0: 1, 1: 1, 2: 2, 3: 1, 4: 2, 5: 1, 6: 1, 7: 1, 8: 1}, "3 was collected, not run again"


def test_the_journals_of_3f45ae9_are_read(killed: Path) -> None:
    statuses = [str(trial.status) for trial in journal.trials(killed / SWEEP_DIR)]
    assert statuses == ["COMPLETED", "FAILED", "COMPLETED", "RUNNING", "RUNNING", "STAGED"]
    (killed / SWEEP_DIR / "sweep.jsonl").write_bytes((KEPT / "3f45ae9/continued.jsonl").read_bytes())
    trials = journal.trials(killed / SWEEP_DIR)
    assert Counter(str(trial.status) for trial in trials) == {"COMPLETED": 8, "FAILED": 1}
    assert [trial.attempt for trial in trials] == [1, 1, 2, 1, 2, 1, 1, 1, 1]
    header = journal.header(killed / SWEEP_DIR)
    assert header is not None
    (constraint,) = Problem.from_dict(header["problem"]).parameter_constraints
    assert constraint.text == "lr - 10*wd <= 0"


def test_the_jobs_of_3f45ae9_are_found_in_a_folder_that_was_moved(killed: Path) -> None:
    (killed / SWEEP_DIR).rename(killed / "moved")
    folder = killed / "moved"
    running = [trial.job for trial in journal.trials(folder) if trial.status is TrialStatus.RUNNING]
    assert [job and job.folder for job in running] == [str(folder / ".submitit/3"), str(folder / ".submitit/4")]


def test_the_lock_of_3f45ae9_names_its_process_which_is_gone(killed: Path) -> None:
    holder = lock.holder(killed / SWEEP_DIR)
    assert holder is not None
    assert (holder.host, holder.is_alive) == (socket.gethostname(), False)
    assert holder.about["n_trials"] == 9


def test_a_journal_of_format_1_is_read_exactly(tmp_path: Path) -> None:
    shutil.copy(KEPT / "journal-format-1.jsonl", tmp_path / journal.JOURNAL_FILE)
    header = journal.header(tmp_path)
    assert header is not None
    assert Problem.from_dict(header["problem"]) == PROBLEM
    assert {key: header[key] for key in ABOUT} == ABOUT
    assert list(journal.events(tmp_path)) == STATES
    assert repr(list(journal.events(tmp_path))) == repr(STATES)


def test_nothing_of_the_machine_that_it_was_made_on_is_kept() -> None:
    kept = [path for path in KEPT.rglob("*") if path.is_file()]
    assert len(kept) > 8
    for path in kept:
        words = path.read_bytes()
        assert not [word for word in (b"/home/", b"/root", b"/work", b"/tmp") if word in words], path
