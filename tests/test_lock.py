import errno
import fcntl
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from quick import make_locks_quick, take_locks_away

from ax_moo.storage import heartbeat, lock
from ax_moo.storage.lock import held, holder
from ax_moo.storage.lock_record import LOCK_FILE
from ax_moo.system import disk
from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.hydra_free

HOLD = """
import sys
from pathlib import Path
from ax_moo.storage import heartbeat
from ax_moo.storage.lock import held
heartbeat.BEAT_SECONDS = float(sys.argv[2])
with held(Path(sys.argv[1]), {"n_trials": 48}):
    print("held", flush=True)
    sys.stdin.read()
"""
ELSEWHERE = {"host": "login9", "pid": 4711, "time": 1_700_000_000.0}


@contextmanager
def another_process_holds(folder: Path, beat_seconds: float = 10.0) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", HOLD, str(folder), str(beat_seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        yield other


def content(folder: Path) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((folder / LOCK_FILE).read_text())
    return row


def leave(folder: Path, age_s: float = 0.0, **row: Any) -> Path:
    """A lock file whose holder has not let go of it."""
    path = folder / LOCK_FILE
    path.write_text(json.dumps(row) + "\n")
    os.utime(path, (time.time() - age_s,) * 2)
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_locks_quick(monkeypatch)


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    take_locks_away(monkeypatch)


def test_the_lock_names_its_holder_and_what_it_is_about_and_in_the_end_that_it_has_ended(tmp_path: Path) -> None:
    with held(tmp_path, {"n_trials": 48}):
        during = content(tmp_path)
    assert (during["host"], during["pid"], during["about"]) == (socket.gethostname(), os.getpid(), {"n_trials": 48})
    assert "ended" not in during
    assert content(tmp_path)["ended"] >= during["time"]


def test_a_second_process_is_refused_and_told_who_holds_it_until_that_one_is_killed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with another_process_holds(tmp_path) as other:
        who = rf"process {other.pid} on {socket.gethostname()}, since 20\d\d-"
        with pytest.raises(ConfigError, match=who), held(tmp_path):
            pass
        other.kill()
        other.wait()
    with held(tmp_path):
        assert content(tmp_path)["pid"] == os.getpid()
    [line] = caplog.messages
    assert line.startswith(f"Taking over the lock of {tmp_path} from a sweeper that is gone: process {other.pid} on ")


def test_a_lock_that_was_let_go_of_is_taken_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError), held(tmp_path):
            raise RuntimeError
    assert caplog.messages == []


def test_a_reader_learns_who_holds_the_lock_and_that_it_is_alive(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with another_process_holds(tmp_path) as other:
        found = holder(tmp_path)
        assert found is not None
        assert (found.pid, found.is_alive, found.ended, found.about) == (other.pid, True, None, {"n_trials": 48})
        other.kill()
        other.wait()
    killed = holder(tmp_path)
    assert killed is not None
    assert (killed.pid, killed.is_alive, killed.ended) == (other.pid, False, None)


def test_a_reader_sees_that_the_holder_has_ended(tmp_path: Path) -> None:
    with held(tmp_path):
        pass
    found = holder(tmp_path)
    assert found is not None
    assert not found.is_alive
    assert found.ended is not None


@pytest.mark.parametrize(
    "wrong",
    [
        *({"pid": 1e999}, {"time": 2**80}, {"ended": "x"}, {"since_boot": []}, {"about": None}, {"about": [1]}),
        *({"about": {"job_folders": 5}}, {"about": {"job_folders": [1]}}, {"about": {"n_trials": None}}),
    ],
)
def test_a_record_that_no_sweeper_has_written_names_nobody(tmp_path: Path, wrong: dict[str, Any]) -> None:
    right = {"host": "elsewhere", "pid": 1, "time": 1.0, "ended": 2.0, "about": {"n_trials": 3, "job_folders": ["a"]}}
    (tmp_path / LOCK_FILE).write_text(json.dumps(right))
    assert holder(tmp_path) is not None
    (tmp_path / LOCK_FILE).write_text(json.dumps(right | wrong))
    assert holder(tmp_path) is None
    with held(tmp_path):
        pass


def test_a_killed_holder_that_nobody_has_waited_for_is_gone(tmp_path: Path) -> None:
    with another_process_holds(tmp_path) as other:
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        with held(tmp_path):
            assert content(tmp_path)["pid"] == os.getpid()


def test_a_sweeper_that_starts_while_a_reader_looks_waits_for_it(tmp_path: Path) -> None:
    path = tmp_path / LOCK_FILE
    with open(path, "w") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        threading.Timer(0.2, fcntl.flock, (reader, fcntl.LOCK_UN)).start()
        with held(tmp_path):
            assert content(tmp_path)["pid"] == os.getpid()


def test_readers_do_not_take_each_other_for_the_holder(tmp_path: Path) -> None:
    with held(tmp_path):
        pass
    with open(tmp_path / LOCK_FILE) as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        found = holder(tmp_path)
    assert found is not None
    assert not found.is_alive


def test_a_holder_on_another_host_whose_lock_does_not_reach_here_is_known_by_its_heartbeat(
    tmp_path: Path, quick: None
) -> None:
    path = leave(tmp_path, **ELSEWHERE)
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.2):
            os.utime(path)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(ConfigError, match="process 4711 on login9"), held(tmp_path):
            pass
        found = holder(tmp_path)
    finally:
        over.set()
        thread.join()
    assert found is not None
    assert (found.host, found.is_alive) == ("login9", True)


@pytest.mark.parametrize("age_s", [0.0, 3600.0])
def test_a_holder_on_another_host_whose_heart_stands_still_is_gone(
    tmp_path: Path, quick: None, caplog: pytest.LogCaptureFixture, age_s: float
) -> None:
    leave(tmp_path, age_s, **ELSEWHERE)
    with held(tmp_path):
        assert content(tmp_path)["pid"] == os.getpid()
    assert "gone: process 4711 on login9, since 2023-11-1" in caplog.messages[-1]
    assert len(caplog.messages) == (1 if age_s else 2)


def test_a_holder_on_another_host_that_let_go_is_not_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leave(tmp_path, **ELSEWHERE, ended=1_700_000_100.0)
    begin = time.monotonic()
    with held(tmp_path):
        assert caplog.messages == []
    assert time.monotonic() - begin < heartbeat.WATCH_SECONDS


def test_a_live_process_whose_lock_can_be_taken_is_on_a_file_system_whose_locks_do_not_work(
    tmp_path: Path, without_locks: None
) -> None:
    with another_process_holds(tmp_path) as other:
        with pytest.raises(ConfigError, match=f"process {other.pid} on"), held(tmp_path):
            pass
        found = holder(tmp_path)
        other.kill()
        other.wait()
    assert found is not None
    assert found.is_alive
    with held(tmp_path):
        assert content(tmp_path)["pid"] == os.getpid()


def test_a_process_that_was_given_the_number_of_the_one_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    leave(tmp_path, host=socket.gethostname(), pid=os.getpid(), time=1_700_000_000.0, since_boot=-1e9)
    found = holder(tmp_path)
    assert found is not None
    assert not found.is_alive
    with held(tmp_path):
        assert content(tmp_path)["time"] > 1_700_000_000.0


def test_without_locks_a_live_process_that_may_not_be_looked_at_is_known_by_its_heartbeat(
    tmp_path: Path, without_locks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_time = psutil.Process.create_time

    def denied(self: psutil.Process) -> float:
        if self.pid == other.pid:
            raise psutil.AccessDenied(self.pid)
        return create_time(self)

    monkeypatch.setattr(psutil.Process, "create_time", denied)
    with another_process_holds(tmp_path, beat_seconds=0.2) as other:
        with pytest.raises(ConfigError, match=f"process {other.pid} on"), held(tmp_path):
            pass
        other.kill()
        other.wait()
    with held(tmp_path):
        assert content(tmp_path)["pid"] == os.getpid()


def test_without_locks_the_last_of_two_that_start_at_once_wins(
    tmp_path: Path, without_locks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: leave(tmp_path, **ELSEWHERE))
    with pytest.raises(ConfigError, match="process 4711 on login9"), held(tmp_path):
        pass
    assert content(tmp_path)["host"] == "login9"


def test_the_heartbeat_moves_the_files_time_and_stops_with_the_lock(tmp_path: Path, quick: None) -> None:
    path = tmp_path / LOCK_FILE
    with held(tmp_path):
        os.utime(path, (0, 0))
        assert heartbeat.moves(path)
    assert not heartbeat.moves(path)


def test_a_full_disk_does_not_keep_anybody_from_the_lock(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path, 3600.0, **ELSEWHERE)
    write = os.pwrite

    def refuse(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", refuse)
    with held(tmp_path):
        found = holder(tmp_path)
        assert found is not None
        assert (found.host, found.is_alive) == ("", True)
        monkeypatch.setattr(os, "pwrite", write)
        deadline = time.monotonic() + 90
        while not (tmp_path / LOCK_FILE).read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert content(tmp_path)["pid"] == os.getpid()


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hydra\.sweep\.dir: cannot write to .*No such file"), held(tmp_path / "no"):
        pass


def test_a_lock_file_that_says_nothing_sensible_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "ax_moo")
    for text in ("", "4711", '{"host": 3}', "\0\0"):
        (tmp_path / LOCK_FILE).write_text(text)
        assert holder(tmp_path) is None
        with held(tmp_path):
            assert content(tmp_path)["pid"] == os.getpid()
    assert caplog.messages == []
    shutil.rmtree(tmp_path)


def test_the_holder_may_leave_a_final_record(tmp_path: Path) -> None:
    with held(tmp_path, {"n_trials": 48}) as final_record:
        final_record["exit_code"] = 0
    assert content(tmp_path)["about"] == {"n_trials": 48, "exit_code": 0}


def test_a_full_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "TRY_AGAIN_SECONDS", 0.01)
    create, refusals = os.open, [errno.ENOSPC, errno.EDQUOT]

    def refuse(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path)) and refusals:
            raise OSError(refusals.pop(), "no room")
        return create(path, flags, mode, **options)

    monkeypatch.setattr(os, "open", refuse)
    with held(tmp_path):
        assert content(tmp_path)["pid"] == os.getpid()
    assert refusals == []


def test_the_record_of_another_sweep_that_was_put_in_its_place_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours, other = tmp_path / "ours", tmp_path / "other"
    for folder in (ours, other):
        folder.mkdir()
    with lock.held(other):
        pass
    record = (other / LOCK_FILE).read_bytes()
    with lock.held(ours):
        (ours / LOCK_FILE).unlink()
        (ours / LOCK_FILE).write_bytes(record)
    assert (ours / LOCK_FILE).read_bytes() == record
    assert "was replaced while the sweep runs, and names process" in caplog.text
