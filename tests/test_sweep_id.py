"""A job belongs to a sweep by the sweep's id."""

import json
from pathlib import Path

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from quick import loop_without_pause  # noqa: F401

from ax_moo.storage import journal
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Settings

pytestmark = pytest.mark.one_hydra

TWO = problem(objectives=TWO_OBJECTIVES)


def ids_of_its_jobs(folder: Path, n_trials: int) -> set[str]:
    launcher = ScriptedLauncher(two_objectives)
    settings = Settings(n_trials=n_trials, n_jobs=2)
    previous = resume.previous_run(folder)
    Sweep(TWO, settings, launcher, folder, lambda known: ListedCandidates(), previous_run=previous).run()
    return {request.sweep for request in launcher.requests.values()}


def test_a_sweep_keeps_its_id_in_all_its_lives_and_no_other_sweep_has_it(tmp_path: Path) -> None:
    first, again = ids_of_its_jobs(tmp_path / "a", 2), ids_of_its_jobs(tmp_path / "a", 4)
    assert first == again
    assert len(first) == 1
    assert len(next(iter(first))) == 16
    assert ids_of_its_jobs(tmp_path / "b", 2).isdisjoint(first)


def test_a_journal_of_an_earlier_version_has_an_id_that_does_not_change(tmp_path: Path) -> None:
    ids_of_its_jobs(tmp_path, 2)
    path = tmp_path / journal.JOURNAL_FILE
    header, *lines = path.read_text().splitlines(keepends=True)
    without = {key: value for key, value in json.loads(header).items() if key != "id"}
    path.write_text("".join([json.dumps(without) + "\n", *lines]))
    (begun,) = ids_of_its_jobs(tmp_path, 4)
    assert begun.startswith("earlier-")
    assert ids_of_its_jobs(tmp_path, 6) == {begun}
    assert path.read_text().startswith(json.dumps(without))
