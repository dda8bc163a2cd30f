"""A sweep folder, its journal or its lock that somebody removes or replaces while the sweep runs."""

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from quick import loop_without_pause, no_long_pauses  # noqa: F401
from sweeping import SWEEP_DIR, journal_rows, run_sweep, start_sweep, wait_for_sweep
from waiting import wait_until
from waiting_app import OPTIONS, begun, let_them_end, wait_for_trials, write_waiting_app

from ax_moo.storage import heartbeat, journal, lock
from ax_moo.storage.journal import JOURNAL_FILE, Journal, JournalReplaced
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.settings import Settings
from ax_moo.system import disk
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.one_hydra

TWO = problem(objectives=TWO_OBJECTIVES)


class _Breaking(ScriptedLauncher):
    """Does something to the sweep's folder with its fourth submission."""

    def __init__(self, harm: Callable[[], Any]) -> None:
        super().__init__(two_objectives)
        self._harm = harm

    def submit(self, requests: Sequence[Any]) -> Any:
        if len(self.batches) == 3:
            self._harm()
        return super().submit(requests)


def _run(folder: Path, harm: Callable[[], Any]) -> SweepResult:
    settings = Settings(n_trials=12, n_jobs=3)
    return Sweep(TWO, settings, _Breaking(harm), folder, lambda _: ListedCandidates()).run()


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _put_back_an_older_copy(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: content[:-1].rfind(b"\n") + 1])


_HARMS: dict[str, Callable[[Path], Any]] = {
    "journal removed": lambda folder: (folder / JOURNAL_FILE).unlink(),
    "journal moved away": lambda folder: (folder / JOURNAL_FILE).rename(folder / "kept"),
    "journal cut off": lambda folder: _cut(folder / JOURNAL_FILE),
    "journal emptied": lambda folder: os.truncate(folder / JOURNAL_FILE, 0),
    "older copy put back": lambda folder: _put_back_an_older_copy(folder / JOURNAL_FILE),
    "folder removed": lambda folder: shutil.rmtree(folder),
    "folder moved away": lambda folder: folder.rename(folder.with_name("elsewhere")),
}


@pytest.mark.parametrize("harm", _HARMS)
def test_a_journal_that_is_gone_is_written_anew_with_every_line_in_its_order(
    harm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, states = tmp_path / "swept", []
    record = Journal.record

    def note(self: Journal, trial: Trial) -> None:
        record(self, trial)
        states.append(trial)

    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(Journal, "record", note)
        ending = _run(folder, lambda: _HARMS[harm](folder))
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 12
    assert list(journal.events(folder)) == states
    assert (journal.header(folder) or {})["problem"] == TWO.to_dict()
    assert caplog.text.count("written again from memory") == 1


def test_a_copy_that_is_put_in_the_journals_place_is_gone_on_with(tmp_path: Path) -> None:
    def copy() -> None:
        shutil.copy(tmp_path / JOURNAL_FILE, tmp_path / "copy")
        os.replace(tmp_path / "copy", tmp_path / JOURNAL_FILE)

    ending = _run(tmp_path, copy)
    assert journal.trials(tmp_path) == list(ending.trials)


def _other_journal(folder: Path) -> bytes:
    other = folder / "other"
    with closing(Journal(other)) as written:
        written.begin(TWO.to_dict(), {"time": 5.0})
        for index in range(100):
            written.record(Trial(index, {"x": 0.5, "y": 0.25}))
    return written.path.read_bytes()


@pytest.mark.parametrize("way", ["renamed", "written over", "held"])
def test_another_sweeps_journal_in_the_place_is_left_alone_and_nothing_is_lost(
    way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, other = tmp_path / "swept", _other_journal(tmp_path)
    opened: list[Journal] = []

    def replace() -> None:
        if way == "written over":
            (folder / JOURNAL_FILE).write_bytes(other)
            return
        os.replace(tmp_path / "other" / JOURNAL_FILE, folder / JOURNAL_FILE)
        if way == "held":
            opened.append(Journal(folder))

    with pytest.raises(JournalReplaced):
        _run(folder, replace)
    for each in opened:
        each.close()
    assert (folder / JOURNAL_FILE).read_bytes() == other
    (saved,) = folder.glob(f"{JOURNAL_FILE}.saved-*")
    assert str(saved) in caplog.text
    os.replace(saved, folder / JOURNAL_FILE)
    assert {trial.index for trial in journal.trials(folder)} >= {0, 1, 2}
    assert all(trial.time != 5.0 for trial in journal.trials(folder))


def test_a_directory_in_the_journals_place_ends_the_sweep_and_nothing_is_lost(tmp_path: Path) -> None:
    def replace() -> None:
        (tmp_path / JOURNAL_FILE).unlink()
        (tmp_path / JOURNAL_FILE).mkdir()

    with pytest.raises(disk.CannotWrite, match="it is a directory"):
        _run(tmp_path, replace)
    (saved,) = tmp_path.glob(f"{JOURNAL_FILE}.saved-*")
    assert saved.read_bytes().count(b"\n") > 3


def test_a_journal_that_never_held_a_job_is_removed_and_another_file_in_its_place_is_not(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as written:
        written.path.unlink()
        written.path.write_text("another")
        written.remove()
        assert written.path.read_text() == "another"
    with closing(Journal(tmp_path / "new")) as written:
        written.remove()
        assert not written.path.exists()


@pytest.mark.parametrize("harm", ["removed", "replaced by a copy", "replaced by one of a process that is gone"])
def test_a_lock_that_is_gone_is_made_anew_and_keeps_a_second_sweeper_away(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.02)
    path = tmp_path / lock.LOCK_FILE
    with lock.held(tmp_path, {"n_trials": 3}):
        said = path.read_text()
        path.unlink()
        if harm != "removed":
            gone = {**json.loads(said), "pid": 2**22 + 1}
            path.write_text(said if harm == "replaced by a copy" else json.dumps(gone) + "\n")
        wait_until(lambda: "created again" in caplog.text, "a new lock")
        assert path.read_text() == said
        with pytest.raises(ConfigError, match=r"runs in .* already"), lock.held(tmp_path):
            pass
    assert json.loads(path.read_text())["ended"]
    with lock.held(tmp_path):
        pass


def test_a_lock_that_is_removed_just_before_the_end_still_says_how_the_sweep_ended(tmp_path: Path) -> None:
    with lock.held(tmp_path) as final_record:
        final_record["exit_code"] = 0
        (tmp_path / lock.LOCK_FILE).unlink()
    assert json.loads((tmp_path / lock.LOCK_FILE).read_text())["about"] == {"exit_code": 0}


def _is_removed(folder: Path) -> bool:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        return False
    return True


def test_a_folder_that_is_removed_while_jobs_run_is_made_anew_and_the_sweep_completes(tmp_path: Path) -> None:
    project = write_waiting_app(tmp_path)
    options = (*OPTIONS, "hydra.sweeper.n_trials=4", "hydra.sweeper.retries=1")
    process = start_sweep(project, *options)
    wait_for_trials(project, 2)
    wait_until(lambda: [row["status"] for row in journal_rows(project)[1:]].count("RUNNING") == 2, "two noted jobs")
    before = journal_rows(project)
    wait_until(lambda: _is_removed(project / SWEEP_DIR), "a folder in which no job writes meanwhile")
    wait_until(lambda: journal_rows(project)[: len(before)] == before, "a new journal")
    let_them_end(project)
    ended = wait_for_sweep(project, process)
    assert (ended.code, [row["status"] for row in ended.last]) == (0, ["COMPLETED"] * 4), ended.out + ended.err
    assert "was removed or truncated while the sweep runs" in ended.out
    assert "Traceback" not in ended.out + ended.err
    assert (project / SWEEP_DIR / "trials.csv").read_text().count("COMPLETED") == 4
    named = ended.out.partition("files in ")[2].splitlines()[0].partition(": ")[2].split(", ")
    assert all((project / SWEEP_DIR / name).exists() for name in named if not name.startswith("0/"))
    assert sorted(set(begun(project))) == [0, 1, 2, 3]
    again = run_sweep(project, *options)
    assert "all of its 4 trials were run" in again.out


def test_a_journal_that_is_replaced_ends_the_command_with_1_and_names_its_jobs(tmp_path: Path) -> None:
    project = write_waiting_app(tmp_path)
    process = start_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=4")
    wait_for_trials(project, 2)
    path = project / SWEEP_DIR / JOURNAL_FILE
    wait_until(lambda: [row["status"] for row in journal_rows(project)[1:]].count("RUNNING") == 2, "two noted jobs")
    (tmp_path / "other").write_text('{"format": 1}\n')
    os.replace(tmp_path / "other", path)
    ended = wait_for_sweep(project, process)
    let_them_end(project)
    assert ended.code == 1
    assert "is another file than the one that this sweep has written" in ended.err
    assert "these jobs keep running" in ended.err
    assert "saved as" in ended.out
    assert "Traceback" not in ended.out + ended.err
    assert path.read_text() == '{"format": 1}\n'
