"""Whose sweep a folder is: what another user could have written is not run, and nobody is killed for it."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from journals import staged, write_journal
from typer.testing import CliRunner

import ax_moo
from ax_moo.cli.app import app
from ax_moo.jobs.launcher import JobState
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.storage.trust import check_own, check_trusted
from ax_moo.system import strangers
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Job, TrialStatus
from ax_moo_launchers.attach import attach, cancel_command
from ax_moo_launchers.files import is_id, read_own_json
from ax_moo_launchers.local.controller import CONTROLLER
from ax_moo_launchers.local.handle import LocalHandle
from ax_moo_launchers.local.processes import boot_of_machine, start_of
from ax_moo_launchers.slurm import commands
from ax_moo_launchers.slurm.watcher import SlurmWatcher

pytestmark = pytest.mark.one_hydra

NOBODY = 65534
with_another_user = pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")


@pytest.fixture(autouse=True)
def nothing_is_trusted() -> Iterator[None]:
    strangers._trusted.clear()
    yield
    strangers._trusted.clear()


def problem() -> Problem:
    return Problem.from_config(SearchSpace.from_config({}, ["x=interval(0, 1)"]), {}, [], [])


def a_sweep(folder: Path, *jobs: Job, **about: Any) -> Path:
    """The folder of a sweep whose trials run as these jobs."""
    events = []
    for index, job in enumerate(jobs):
        first = staged(index, {"x": 0.1 * index}, index)
        events += [first, first.to(TrialStatus.RUNNING, job=job, time=first.time)]
    return write_journal(folder / "swept", problem(), events, **about)


def refused(*words: str | Path) -> str:
    ended = CliRunner().invoke(app, list(map(str, words)))
    assert ended.exit_code == 2, ended.output
    return str(ended.stderr)


def given_to_nobody(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def open_to_all(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o002)


def open_to_a_group(path: Path) -> None:
    os.chown(path, -1, NOBODY)
    path.chmod(path.stat().st_mode | 0o020)


@with_another_user
@pytest.mark.parametrize("name", ["", "sweep.jsonl", "lock", ".submitit"])
@pytest.mark.parametrize("change", [given_to_nobody, open_to_all])
def test_a_folder_that_another_user_owns_or_could_have_written_is_neither_resumed_nor_stopped(
    tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    marker = tmp_path / "run"
    folder = a_sweep(tmp_path, command=f"touch {marker}", cwd=str(tmp_path))
    (folder / "lock").touch(mode=0o600)
    (folder / ".submitit").mkdir()
    change(folder / name)
    for command in (("resume", folder), ("stop", "--now", folder)):
        said = refused(*command)
        assert str(folder / name) in said
        assert "--trust" in said
        assert "belongs to" in said or "every user can write" in said
    assert not marker.exists()


def test_a_folder_that_every_user_can_replace_is_not_resumed(tmp_path: Path) -> None:
    folder = a_sweep(tmp_path / "above", command="touch run", cwd=str(tmp_path))
    open_to_all(tmp_path / "above")
    assert "put another folder in its place" in refused("resume", folder)
    (tmp_path / "above").chmod(0o1777)
    check_trusted(folder, "")  # it is sticky, as /tmp is


@with_another_user
def test_ones_own_folder_may_be_in_the_folder_of_another_user(tmp_path: Path) -> None:
    """So it is for root in a container with a user's folder mounted, and in the folder of a project."""
    folder = a_sweep(tmp_path / "above")
    given_to_nobody(tmp_path / "above")
    check_trusted(folder, "")


@with_another_user
def test_a_folder_of_a_group_is_ones_own_as_long_as_the_files_are(tmp_path: Path) -> None:
    folder = a_sweep(tmp_path)
    for path in (tmp_path, folder):
        open_to_a_group(path)
    check_trusted(folder, "")
    open_to_a_group(folder / "sweep.jsonl")
    with pytest.raises(ConfigError, match=r"group \w+ can write to .*sweep.jsonl"):
        check_trusted(folder, "")


def test_a_folder_with_a_group_that_is_the_users_alone_is_ones_own(tmp_path: Path) -> None:
    folder = a_sweep(tmp_path)
    for path in (folder, folder / "sweep.jsonl"):
        path.chmod(path.stat().st_mode | 0o020)
    check_trusted(folder, "")


@with_another_user
def test_a_folder_that_is_trusted_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_sweep(tmp_path, command="true", cwd=str(tmp_path))
    given_to_nobody(folder)
    called: list[Any] = []
    monkeypatch.setattr(os, "execvpe", lambda *given: called.append(given))
    monkeypatch.setattr(os, "chdir", lambda path: None)
    assert CliRunner().invoke(app, ["resume", str(folder), "--trust"]).exit_code == 0
    ((program, _, environ),) = called
    assert (program, environ[strangers.TRUST]) == ("true", os.path.realpath(folder))


@with_another_user
def test_a_sweep_does_not_go_on_in_the_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_sweep(tmp_path)
    given_to_nobody(folder)
    with pytest.raises(ConfigError, match="holds the sweep of another user"):
        check_own(folder)
    monkeypatch.setenv(strangers.TRUST, str(tmp_path))
    strangers.take_trust(os.environ, folder)
    with pytest.raises(ConfigError):
        check_own(folder)
    monkeypatch.setenv(strangers.TRUST, os.path.realpath(folder))
    strangers.take_trust(os.environ, folder)
    check_own(folder)
    assert strangers.TRUST not in os.environ


def result_of_a_job(folder: Path, scheduler: str = "local") -> Job:
    folder.mkdir(parents=True)
    returned = JobReturn()
    returned.return_value, returned.status = 1.0, JobStatus.COMPLETED
    (folder / "4711_0_result.pkl").write_bytes(pickle.dumps(("success", returned)))
    (folder / "4711_process.json").write_text("{}")
    return Job("4711", str(folder), scheduler)


@with_another_user
@pytest.mark.parametrize("change", [given_to_nobody, open_to_all])
def test_a_result_that_another_user_could_have_written_is_not_unpickled(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    job = result_of_a_job(tmp_path / "0")
    assert attach(job).result().value == 1.0
    change(tmp_path / "0" / "4711_0_result.pkl")
    error = attach(job).result().error or ""
    assert "the result cannot be read" in error
    assert "belongs to" in error or "every user" in error


IDS = ["--user=root", "-1", "0", "1; rm -rf x", "../4711", "4711,4712", "4711 4712", "", "٤٢", "1e3", "$(id)"]


@pytest.mark.parametrize("job_id", IDS)
@pytest.mark.parametrize("scheduler", ["local", "slurm"])
def test_what_is_no_id_of_a_job_reaches_neither_kill_nor_scancel(
    tmp_path: Path, job_id: str, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(os, "kill", lambda *given: sent.append(given))
    monkeypatch.setattr(os, "killpg", lambda *given: sent.append(given))
    monkeypatch.setattr(commands, "call", lambda words, *_: sent.append(words) or (0, "", ""))
    job = Job(job_id, str(tmp_path), scheduler)
    handle = attach(job, SlurmWatcher())
    assert handle.state().has_ended
    handle.cancel()
    assert "no scheduler gives" in (handle.result().error or "")
    assert cancel_command([job]) == ""
    commands.cancel([job_id])
    commands.cancel_waiting([job_id])
    commands.queue_states([job_id])
    commands.account_ends([job_id])
    assert sent == []


def test_the_first_process_is_no_job() -> None:
    assert not is_id("1", "local")
    assert is_id("2", "local")


def test_a_process_that_runs_no_job_is_not_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pid = os.getpid()  # this test's own, with its right start
    record = {"host": os.uname().nodename, "boot": boot_of_machine(), "pid": pid, "start": start_of(pid), "n_tasks": 1}
    (tmp_path / f"{pid}_process.json").write_text(str(record).replace("'", '"'))
    sent: list[Any] = []
    monkeypatch.setattr(os, "kill", lambda *given: sent.append(given))
    monkeypatch.setattr(os, "killpg", lambda *given: sent.append(given))
    handle = LocalHandle(Job(str(pid), str(tmp_path), "local"))
    handle.cancel()
    handle.withdraw()
    assert [each for each in sent if each[1] != 0] == []
    assert f"kill {pid}" in caplog.text


def test_a_job_runs_whatever_its_process_calls_itself(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import time; time.sleep(100)"]  # as setproctitle in an application may leave it
    with subprocess.Popen(program) as process:
        try:
            record = {"host": os.uname().nodename, "boot": boot_of_machine(), "start": start_of(process.pid)}
            (tmp_path / f"{process.pid}_process.json").write_text(json.dumps({**record, "n_tasks": 1}))
            handle = LocalHandle(Job(str(process.pid), str(tmp_path), "local"))
            assert handle.state() is JobState.RUNNING
        finally:
            process.kill()


@with_another_user
def test_a_record_is_read_from_the_very_file_that_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1_process.json"
    path.write_text("{}")
    opened: list[Any] = []
    plain = open
    monkeypatch.setattr("builtins.open", lambda *given, **more: opened.append(given[0]) or plain(*given, **more))
    monkeypatch.setattr(Path, "open", lambda self, *given, **more: opened.append(self) or plain(self, *given, **more))
    assert read_own_json(path) == {}
    assert opened == [path]
    given_to_nobody(path)
    assert read_own_json(path) is None


@with_another_user
@pytest.mark.parametrize("change", [given_to_nobody, open_to_all])
def test_a_job_does_not_run_a_call_that_another_user_could_have_written(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    marker, call = tmp_path / "unpickled", tmp_path / "17_submitted.pkl"
    call.write_bytes(pickle.dumps(Malicious(marker)))
    call.chmod(0o600)
    change(call)
    job = "import sys; from ax_moo_launchers.job import task; sys.argv = ['task', '.']; task.main()"
    environ = {
        **os.environ,
        "SUBMITIT_EXECUTOR": "local",
        "SUBMITIT_LOCAL_JOB_ID": "17",
        "SUBMITIT_LOCAL_GLOBALID": "0",
    }
    environ |= {"SUBMITIT_LOCAL_NTASKS": "1", "SUBMITIT_LOCAL_LOCALID": "0", "SUBMITIT_LOCAL_NODEID": "0"}
    ended = subprocess.run([sys.executable, "-c", job], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert f"the job does not run what is in {call}" in ended.stderr
    assert not marker.exists()
    error = attach(Job("17", str(tmp_path), "local")).result().error or ""
    assert "belongs to" in error or "every user" in error


def test_a_job_that_runs_in_the_folder_of_another_sweep_is_not_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    program = [sys.executable, "-c", "import time; time.sleep(100)", CONTROLLER, str(theirs)]
    with subprocess.Popen(program) as process:
        try:
            pid = str(process.pid)
            folder = a_sweep(tmp_path, Job(pid, ".submitit/0", "local"), Job("4711", ".submitit/1", "slurm"))
            for number, job_id in enumerate((pid, "4711")):
                (theirs / f"{job_id}_submitted.pkl").touch()
                place = folder / ".submitit" / str(number)
                place.mkdir(parents=True)
                start = {"host": os.uname().nodename, "boot": boot_of_machine(), "start": start_of(process.pid)}
                (place / f"{job_id}_submitted.pkl").touch()
                if job_id == pid:
                    (place / f"{pid}_process.json").write_text(json.dumps({**start, "pid": process.pid, "n_tasks": 1}))
            asked: list[Any] = []
            monkeypatch.setattr(commands, "call", lambda words, *_: asked.append(words) or (0, f"4711 {theirs}/x", ""))
            said = CliRunner().invoke(app, ["stop", "--now", str(folder)]).stdout
            assert f"job {pid} is not cancelled: it runs in {theirs}" in said
            assert f"job 4711 is not cancelled: it runs in {theirs}" in said
            assert process.poll() is None
            assert not [words for words in asked if "scancel" in words]
        finally:
            process.kill()


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def test_whoever_only_reads_a_sweep_unpickles_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "unpickled"
    bomb = pickle.dumps(("success", Malicious(marker)))
    base = Path(".submitit")
    jobs = [Job("4711", str(base / "0"), "local"), Job("815", str(base / "1"), "slurm"), Job("9", str(base / "2"))]
    folder = a_sweep(tmp_path, *jobs)
    for number, job in enumerate(jobs):
        place = folder / base / str(number)
        place.mkdir(parents=True)
        for name in ("submitted", "0_result", "0_result.pkl.save_tmp"):
            (place / f"{job.job_id}_{name}.pkl").write_bytes(bomb)
    (folder / base / "0" / "4711_process.json").write_text("{}")
    for name in ("controller", "carriers"):
        (folder / base / name).mkdir()
        (folder / base / name / "7_submitted.pkl").write_bytes(bomb)
    for name in (".analyses.json", "metrics.jsonl", "0/last.ckpt", "0/metrics.jsonl", "trials.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(bomb)
    run = CliRunner().invoke
    assert run(app, ["status", str(folder)]).exit_code == 0
    assert run(app, ["status", "--json", str(folder)]).exit_code == 0
    assert run(app, ["export", str(folder), "-o", str(tmp_path / "t.csv")]).exit_code == 0
    assert run(app, ["report", str(folder), "-o", str(tmp_path / "r.html")]).exit_code == 0
    run(app, ["compare", str(folder), str(folder), "-o", str(tmp_path / "c.csv")])
    run(app, ["doctor", str(folder)])
    sweep = ax_moo.load(folder)
    assert len(sweep.trials) == 3
    assert sweep.pareto_frontier is not None
    assert not marker.exists()
    pickle.loads(bomb)
    assert marker.exists()  # it is one


@pytest.mark.parametrize("name", ["lock", "sweep.jsonl"])
def test_a_link_in_the_place_of_a_file_is_not_written_through(tmp_path: Path, name: str) -> None:
    folder = a_sweep(tmp_path, command="true", cwd=str(tmp_path))
    victim = tmp_path / "victim"
    (folder / name).unlink(missing_ok=True)
    victim.write_text("mine")
    (folder / name).symlink_to(victim)
    ended = CliRunner().invoke(app, ["stop", "--now", str(folder)])
    assert victim.read_text() == "mine"
    assert ended.exit_code == 2
    assert name != "lock" or "lock: it is a link; put the file itself there" in ended.stderr


def test_a_folder_of_jobs_outside_of_the_sweeps_is_not_moved_with_it(tmp_path: Path) -> None:
    from ax_moo.jobs.folders import bases

    assert bases(tmp_path, {"job_folders": ["../../victim", "a/../../victim", ".submitit"]}) == [tmp_path / ".submitit"]


def test_the_command_has_the_option() -> None:
    for command in ("resume", "stop"):
        assert "--trust" in CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
