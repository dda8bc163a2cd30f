"""A sweeper that another one has replaced, on a file system without locks, writes nothing more and says why."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from quick import loop_without_pause, make_locks_quick, take_locks_away  # noqa: F401

from ax_moo.storage import heartbeat, journal, lock, lock_record
from ax_moo.storage.journal import JOURNAL_FILE, Journal, JournalTaken
from ax_moo.storage.journal import file as journal_file
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.settings import Settings
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial

pytestmark = pytest.mark.hydra_free

TWO = problem(objectives=TWO_OBJECTIVES)
POINT = {"x": 0.5, "y": 0.25}

ELSEWHERE = """
import errno, fcntl, os, socket, sys
from pathlib import Path

def flock(descriptor, operation):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

fcntl.flock = flock
socket.gethostname = lambda: "login9"
from ax_moo.storage import heartbeat, lock
from ax_moo.storage.journal import Journal
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Trial

heartbeat.BEAT_SECONDS, lock.SETTLE_SECONDS = 0.05, 0.1
folder = Path(sys.argv[1])
try:
    with lock.held(folder, {"n_trials": 48}) as final_record:
        journal = Journal(folder)
        print("held", flush=True)
        for line in sys.stdin:
            if line.strip() == "keep":
                journal.keep()
            else:
                journal.record(Trial(int(line), {"x": 0.5, "y": 0.25}))
            print("done", flush=True)
        final_record["why"] = "its end"
except ConfigError as error:
    print(error, flush=True)
    sys.exit(1)
"""


@pytest.fixture(autouse=True)
def _without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    make_locks_quick(monkeypatch)
    take_locks_away(monkeypatch)


class _Sweeper:
    """A sweeper on another host, which records the trials that it is told."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def tell(self, what: object) -> str:
        self.send(what)
        return self.says()

    def send(self, what: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def _elsewhere(folder: Path) -> Iterator[_Sweeper]:
    command = [sys.executable, "-c", ELSEWHERE, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        sweeper = _Sweeper(process)
        try:
            assert sweeper.says() == "held"
            yield sweeper
        finally:
            process.kill()


def _begun(folder: Path) -> None:
    with closing(Journal(folder)) as written:
        written.begin(TWO.to_dict(), {"time": 1.0})


def _numbers(folder: Path) -> list[int]:
    return [trial.index for trial in journal.events(folder)]


@pytest.mark.parametrize("has_written", [True, False])
def test_a_sweeper_that_was_stopped_and_replaced_writes_nothing_when_it_wakes(
    tmp_path: Path, has_written: bool
) -> None:
    _begun(tmp_path)
    with _elsewhere(tmp_path) as first:
        for number in range(3):
            assert first.tell(number) == "done"
        first.stop()
        with lock.held(tmp_path, {"n_trials": 5}), closing(Journal(tmp_path)) as own:
            if has_written:
                for number in (3, 4):
                    own.record(Trial(number, POINT))
            beats = (tmp_path / lock_record.LOCK_FILE).read_bytes()
            first.go_on()
            said = first.tell(77)
            assert f"{tmp_path} was taken over by process {os.getpid()} on " in said
            assert first.process.wait(60) == 1
            assert (tmp_path / lock_record.LOCK_FILE).read_bytes() == beats, "the lock still names its new owner"
            own.record(Trial(5, POINT))
        assert _numbers(tmp_path) == [0, 1, 2, *((3, 4) if has_written else ()), 5]
        found = lock.holder(tmp_path)
        assert found is not None
        assert (found.pid, found.about) == (os.getpid(), {"n_trials": 5})


def test_a_sweeper_that_was_replaced_notices_before_it_submits_anything(tmp_path: Path) -> None:
    _begun(tmp_path)
    with _elsewhere(tmp_path) as first:
        first.stop()
        with lock.held(tmp_path):
            first.go_on()
            assert "was taken over by process" in first.tell("keep")


def test_a_sweeper_that_has_ended_after_it_took_over_is_named_too(tmp_path: Path) -> None:
    _begun(tmp_path)
    with _elsewhere(tmp_path) as first:
        first.stop()
        with lock.held(tmp_path):
            pass
        first.go_on()
        assert "was taken over by process" in first.tell(0)
    assert _numbers(tmp_path) == []


def test_the_heart_of_a_sweeper_that_was_replaced_stands_still(tmp_path: Path) -> None:
    _begun(tmp_path)
    path = tmp_path / lock_record.LOCK_FILE
    with _elsewhere(tmp_path) as first:
        first.stop()
        with lock.held(tmp_path):
            pass
        first.go_on()
        assert "was taken over" in first.tell("keep")
        os.utime(path, (0, 0))
        assert not heartbeat.moves(path)


def test_bytes_of_another_writer_are_never_cut(tmp_path: Path) -> None:
    """Also where no lock says who it is."""
    _begun(tmp_path)
    with closing(Journal(tmp_path)) as first, closing(Journal(tmp_path)) as second:
        first.record(Trial(0, POINT))
        with pytest.raises(JournalTaken, match="another process writes"):
            second.record(Trial(0, POINT))
        with pytest.raises(JournalTaken, match="another process writes"):
            second.keep()
        second.remove()
        first.record(Trial(1, POINT))
    assert _numbers(tmp_path) == [0, 1]


def test_a_half_line_of_ones_own_is_cut_and_what_follows_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begun(tmp_path)
    before = (tmp_path / JOURNAL_FILE).read_bytes()
    with closing(Journal(tmp_path)) as own:

        def write_half(file: Any, data: bytes) -> None:
            file.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def write_half_and_another_after_it(file: Any, data: bytes) -> None:
            file.write(data[: len(data) // 2] + b"of another\n")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(journal_file, "write_all", write_half)
            with pytest.raises(OSError, match="No space"):
                own.record(Trial(0, POINT))
        assert (tmp_path / JOURNAL_FILE).read_bytes() == before
        own.record(Trial(0, POINT))
        with monkeypatch.context() as patch:
            patch.setattr(journal_file, "write_all", write_half_and_another_after_it)
            with pytest.raises(OSError, match="No space"):
                own.record(Trial(1, POINT))
    assert (tmp_path / JOURNAL_FILE).read_bytes().endswith(b"of another\n")


def test_a_half_line_that_could_not_be_cut_is_cut_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begun(tmp_path)
    with closing(Journal(tmp_path)) as own:

        def write_half(file: Any, data: bytes) -> None:
            file.write(data[: len(data) // 2])
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        def fail(*_: Any) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        with monkeypatch.context() as patch:
            patch.setattr(journal_file, "write_all", write_half)
            patch.setattr(os, "ftruncate", fail)
            with pytest.raises(OSError, match="Input/output"):
                own.record(Trial(0, POINT))
        own.keep()
        own.record(Trial(0, POINT))
    assert _numbers(tmp_path) == [0]


def test_the_sweep_of_a_replaced_sweeper_ends_and_knows_the_jobs_that_it_leaves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record = {"host": "login9", "pid": 4711, "time": 2e9}

    class Launcher(ScriptedLauncher):
        def submit(self, requests: Any) -> Any:
            if len(self.batches) == 2:
                (tmp_path / lock_record.LOCK_FILE).write_text(json.dumps(record) + "\n")
            return super().submit(requests)

    launcher = Launcher(two_objectives, polls=lambda trial: 3 if trial < 4 else 1000)
    sweep = Sweep(TWO, Settings(n_trials=9, n_jobs=4), launcher, tmp_path, lambda _: ListedCandidates())
    with lock.held(tmp_path), pytest.raises(JournalTaken, match="was taken over by process 4711 on login9"):
        sweep.run()
    assert len(launcher.batches) == 3, "nothing is submitted after it"
    assert sweep.has_submitted
    assert sweep.jobs, "they are named when the sweep ends"
    assert json.loads((tmp_path / lock_record.LOCK_FILE).read_text()) == record
    assert "is saved as" not in caplog.text, "the journal has all that this sweep has recorded"


def test_a_second_sweeper_does_not_begin_where_the_lock_of_a_live_one_was_removed(tmp_path: Path) -> None:
    _begun(tmp_path)
    with _elsewhere(tmp_path) as first:
        (tmp_path / lock_record.LOCK_FILE).unlink()
        with pytest.raises(ConfigError, match=r"process \d+ on login9"), lock.held(tmp_path):
            pass
        assert first.tell(0) == "done"
    assert _numbers(tmp_path) == [0]


def test_a_lock_that_is_gone_with_its_sweeper_is_taken_after_a_while(tmp_path: Path) -> None:
    _begun(tmp_path)
    with lock.held(tmp_path):
        found = lock_record.read(tmp_path / lock_record.LOCK_FILE)
        assert found is not None
        assert found.pid == os.getpid()
