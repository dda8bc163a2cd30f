"""A sweeper whose lock another one has taken leaves everything that is the other's as it is, however it ends."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from command_line import Started
from killing import Killable
from waiting import wait_until

from ax_moo.storage import journal
from ax_moo.storage.lock_record import LOCK_FILE

pytestmark = pytest.mark.one_hydra

ANOTHER = json.dumps({"host": "login9", "pid": 4711, "time": 2e9}) + "\n"


@contextmanager
def running(project: Path, *options: str) -> Iterator[tuple[Killable, Started]]:
    """A sweep with a page whose three trials wait for a file ``go``, which is there in the end."""
    swept = Killable(project, "async_local", "hydra.sweeper.n_trials=3", "+hold=true", *options)
    try:
        sweeper = swept.begin("hydra.sweeper.report=true")
        wait_until(lambda: len(swept.running_jobs()) == 3, "three jobs")
        wait_until(lambda: [trial.status for trial in journal.trials(swept.folder)] == ["RUNNING"] * 3, "their lines")
        yield swept, sweeper
    finally:
        (project / "go").touch()


def files(folder: Path) -> dict[str, bytes]:
    """What the sweeper writes into its folder; the page of a running sweep comes when it comes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != "begun"}


def take_over(swept: Killable, sweeper: Started, *signals: signal.Signals) -> dict[str, bytes]:
    """Another sweeper takes over while this one is stopped; when it wakes, it finds the signals as well."""
    os.kill(sweeper.pid, signal.SIGSTOP)
    wait_until(lambda: psutil.Process(sweeper.pid).status() == psutil.STATUS_STOPPED, "the sweeper to stand still")
    (swept.folder / LOCK_FILE).write_text(ANOTHER)
    before = files(swept.folder)
    for number in signals:
        os.kill(sweeper.pid, number)
    os.kill(sweeper.pid, signal.SIGCONT)
    return before


@pytest.mark.parametrize("signals", [(), (signal.SIGINT,), (signal.SIGTERM,)], ids=str)
def test_a_replaced_sweeper_writes_no_file_of_the_sweep_and_ends_no_job(
    tmp_path: Path, signals: tuple[signal.Signals, ...]
) -> None:
    with running(tmp_path) as (swept, sweeper):
        before = take_over(swept, sweeper, *signals)
        ended = sweeper.end()
        assert ended.code == 1
        assert f"{swept.folder} was taken over by process 4711 on login9" in ended.stderr
        assert "ax-moo stop" not in ended.stderr, "which would end the other's jobs"
        assert files(swept.folder) == before
        assert len(swept.running_jobs()) == 3


def test_a_second_ctrl_c_at_a_sweeper_that_was_replaced_after_the_first_cancels_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as (swept, sweeper):
        os.kill(sweeper.pid, signal.SIGINT)
        wait_until(lambda: (swept.folder / "optimization_results.yaml").exists(), "the tables of the interrupted sweep")
        before = take_over(swept, sweeper, signal.SIGINT)
        ended = sweeper.end()
        assert ended.code == 1, ended.stderr
        assert "was taken over by process 4711" in ended.stderr
        assert files(swept.folder) == before
        assert len(swept.running_jobs()) == 3
