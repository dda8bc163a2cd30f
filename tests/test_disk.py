"""A sweep on a small file system that is full for a while."""

import logging
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from quick import loop_without_pause, no_long_pauses  # noqa: F401
from tmpfs import mounted

from ax_moo.results.tables import write_results
from ax_moo.storage import journal
from ax_moo.storage.journal import Journal
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.settings import Settings
from ax_moo.system import disk
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

TWO = problem(objectives=TWO_OBJECTIVES)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "small", "2m") as folder:
        yield folder


def _fill(folder: Path) -> Path:
    """A file that leaves not one byte free."""
    ballast = folder / "ballast"
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4k"], capture_output=True)
    return ballast


def test_whether_there_is_room_is_seen(small: Path) -> None:
    assert disk.has_room(small)
    ballast = _fill(small)
    assert not disk.has_room(small)
    ballast.unlink()
    assert disk.has_room(small)


def test_a_line_that_found_no_room_leaves_the_journal_whole_and_is_written_later(small: Path) -> None:
    with closing(Journal(small)) as written:
        written.begin(TWO.to_dict(), {})
        written.record(Trial(0, {"x": 0.5}))
        ballast = _fill(small)
        before = written.path.read_bytes()
        with pytest.raises(OSError, match="No space left"):
            written.record(Trial(1, {"x": "long" * 5000}))
        assert written.path.read_bytes() == before
        ballast.unlink()
        written.record(Trial(2, {"x": 0.25}))
    assert [trial.index for trial in journal.trials(small)] == [0, 2]


def test_a_pause_is_said_once_and_ends_when_there_is_room(small: Path, caplog: pytest.LogCaptureFixture) -> None:
    ballast = _fill(small)
    timer = threading.Timer(0.5, ballast.unlink)
    timer.start()
    with caplog.at_level(logging.INFO):
        disk.until_written(lambda: (small / "file").write_text("words" * 1000), small)
    assert (small / "file").read_text() == "words" * 1000
    assert caplog.text.count("Paused: cannot write") == 1
    assert "No space left on device" in caplog.text
    assert "works again" in caplog.text


def test_a_disk_that_has_become_read_only_is_not_waited_for(small: Path) -> None:
    _remount(small, "ro")
    with pytest.raises(disk.CannotWrite, match="Read-only file system"):
        disk.until_written(lambda: Journal(small), small)


def _remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def test_a_table_that_finds_no_room_leaves_the_old_one_whole(small: Path) -> None:
    trials = [Trial(i, {"x": 0.5, "y": 0.5}, TrialStatus.COMPLETED, outcome={"f": 1.0, "g": 0.5}) for i in range(500)]
    (small / journal.JOURNAL_FILE).touch()
    write_results(small, trials[:1], TWO)
    before = (small / "trials.csv").read_text()
    _fill(small)
    with pytest.raises(OSError, match="No space left"):
        write_results(small, trials, TWO)
    assert (small / "trials.csv").read_text() == before
    assert not list(small.glob("*.new"))


def test_a_sweep_starts_no_job_on_a_full_disk_and_completes_once_there_is_room(
    small: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Filling(ScriptedLauncher):
        """The disk fills up with the second submission, and has room again somewhat later."""

        def submit(self, requests: Sequence[Any]) -> Any:
            assert disk.has_room(small), "a job was started on a full disk"
            if len(self.batches) == 1:
                threading.Timer(0.5, _fill(small).unlink).start()
            return super().submit(requests)

    launcher = Filling(two_objectives)
    with caplog.at_level(logging.INFO):
        settings = Settings(n_trials=12, n_jobs=3)
        ending = Sweep(TWO, settings, launcher, small, lambda known: ListedCandidates()).run()
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 12
    assert journal.trials(small) == list(ending.trials)
    assert caplog.text.count("Paused") in (1, 2)
    assert "There is room on the disk again" in caplog.text or "works again" in caplog.text
