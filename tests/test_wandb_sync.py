"""`ax-moo wandb sync`: what W&B has not got yet of a sweep folder's runs."""

import os
import time
from pathlib import Path

import pandas as pd
import pytest
from command_line import Ended
from wandb_command import ax_moo_wandb
from wandb_group import CURVE, DELETED, log_group, make_sweep
from wandb_server import FakeWandb, provide_server  # noqa: F401

import ax_moo as api
from ax_moo.wandb.sync import find, read_run, run_files

pytestmark = pytest.mark.one_hydra

OFFLINE, ONLINE = "s-0ff11111", "s-01111111"


@pytest.fixture(scope="module")
def local(server: FakeWandb, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that was offline: a trial's job was killed, two ran twice, and there is data that is none, or empty."""
    folder = make_sweep(tmp_path_factory.mktemp("local") / "s", has_ended=True)
    log_group(server, folder, "off", OFFLINE, mode="offline", killed=1)
    assert not server.runs
    spoilt = folder / f"wandb/offline-run-20200101_000000-{OFFLINE}-3/run-{OFFLINE}-3.wandb"
    spoilt.parent.mkdir()
    spoilt.write_bytes(b"no data of wandb's")
    empty = folder / f"wandb/offline-run-20200101_000000-{OFFLINE}-2/run-{OFFLINE}-2.wandb"
    empty.parent.mkdir()
    empty.write_bytes(file_of(folder, f"{OFFLINE}-2").read_bytes()[:7])
    later = folder / f"wandb/offline-run-20990101_000000-{OFFLINE}-3/run-{OFFLINE}-3.wandb"
    later.parent.mkdir()
    later.write_bytes(file_of(folder, f"{OFFLINE}-2").read_bytes())
    return let_time_pass(folder)


@pytest.fixture(scope="module")
def synced(server: FakeWandb, local: Path) -> Ended:
    """The first upload; the trial that runs on is skipped."""
    living = local / f"wandb/offline-run-20200101_000000-{OFFLINE}-9/run-{OFFLINE}-9.wandb"
    living.parent.mkdir()
    living.write_bytes(file_of(local, f"{OFFLINE}-1").read_bytes())
    return sync(server, local)


def sync(server: FakeWandb, folder: Path, **environment: str) -> Ended:
    return ax_moo_wandb(server, folder.parent, "sync", folder.name, **environment)


def let_time_pass(folder: Path) -> Path:
    """What is not written to for minutes, and has no end, was killed."""
    long_ago = time.time() - 600
    for file in run_files(folder):
        os.utime(file, (long_ago, long_ago))
    return folder


def file_of(folder: Path, run_id: str) -> Path:
    (file,) = (file for file in run_files(folder) if file.stem == f"run-{run_id}")
    return file


def assert_pulls_the_same(server: FakeWandb, folder: Path, group: str, into: Path) -> None:
    ended = ax_moo_wandb(server, into, "pull", "--no-report", "search", group, "-o", "pulled")
    assert ended.code == 0, ended.stderr
    pd.testing.assert_frame_equal(api.load(into / "pulled").trials, api.load(folder).trials)
    assert "does not have" not in ended.stdout


def test_an_offline_sweep_can_be_pulled_once_it_is_synced(
    server: FakeWandb, local: Path, synced: Ended, tmp_path: Path
) -> None:
    for run in ("sweep", "0", "1", "2"):
        assert f"{OFFLINE}-{run}: uploaded\n" in synced.stdout
    assert_pulls_the_same(server, local, "off", tmp_path)
    assert [row["f"] for row in server.runs[f"{OFFLINE}-0"].history if "f" in row] == list(CURVE)
    states = {run: server.runs[f"{OFFLINE}-{run}"].state for run in ("sweep", "0", "1")}
    assert states == {"sweep": "finished", "0": "finished", "1": "failed"}


def test_one_run_that_fails_keeps_no_other_one_and_what_runs_is_left_alone(synced: Ended) -> None:
    assert synced.code == 1
    assert f"{OFFLINE}-3: failed: " in synced.stdout
    assert (
        f"{OFFLINE}-3: failed: not tried, because the data of an earlier attempt must be uploaded first"
        in synced.stdout
    )
    assert f"{OFFLINE}-9: skipped" in synced.stdout
    assert "4 uploaded, 0 there already, 1 skipped, 2 failed" in synced.stdout


def test_a_sweep_that_has_ended_has_its_frontier_tagged(server: FakeWandb, local: Path, synced: Ended) -> None:
    front = api.load(local).pareto_frontier["trial"].tolist()
    tagged = [run for run in ("0", "1", "2") if "pareto" in server.runs[f"{OFFLINE}-{run}"].tags]
    assert tagged == [str(trial) for trial in front]
    assert f"tagged as pareto: {OFFLINE}-{front[0]}" in synced.stdout


def test_what_is_there_is_not_uploaded_again(server: FakeWandb, local: Path, synced: Ended) -> None:
    rows = {run.id: len(run.history) for run in server.runs.values()}
    again = sync(server, local)
    assert "0 uploaded, 4 there already, 1 skipped, 2 failed" in again.stdout
    assert {run.id: len(run.history) for run in server.runs.values()} == rows


def test_of_online_runs_only_those_that_were_cut_off_are_uploaded(server: FakeWandb, tmp_path: Path) -> None:
    folder = make_sweep(tmp_path / "s", has_ended=True)
    log_group(server, folder, "on", ONLINE)
    sweep = server.runs[f"{ONLINE}-sweep"]
    sweep.streams["wandb-history.jsonl"], sweep.state = sweep.stream("wandb-history.jsonl")[: DELETED + 3], "crashed"
    torn = file_of(folder, f"{ONLINE}-2")
    torn.write_bytes(torn.read_bytes()[:-400])
    server.runs.pop(f"{ONLINE}-2")
    ended = sync(server, let_time_pass(folder))
    assert ended.code == 0, ended.stdout + ended.stderr
    assert f"{ONLINE}-2: uploaded, up to the record at which its process was killed" in ended.stdout
    assert "2 uploaded, 1 there already, 0 skipped, 0 failed" in ended.stdout
    assert sweep.state == "finished"
    assert_pulls_the_same(server, folder, "on", tmp_path)


def test_the_data_on_disk_tell_of_their_run(local: Path) -> None:
    sweep, killed = (read_run(file_of(local, f"{OFFLINE}-{run}")) for run in ("sweep", "1"))
    assert (sweep.project, sweep.group, sweep.job_type) == ("search", "off", "sweep")
    lines = len((local / "sweep.jsonl").read_text().splitlines())
    assert (sweep.exit_code, sweep.last_step, sweep.is_online) == (0, DELETED + lines, False)
    assert (killed.exit_code, killed.last_step) == (None, 0)


def test_a_run_is_left_alone_while_its_trial_goes_on_however_long_it_says_nothing(local: Path, tmp_path: Path) -> None:
    file = file_of(local, f"{OFFLINE}-1")
    silent = tmp_path / "wandb" / file.parent.name / file.name
    silent.parent.mkdir(parents=True)
    silent.write_bytes(file.read_bytes())
    let_time_pass(tmp_path)
    for living, expected in (["-1"], (0, 1)), (["-11", "-sweep"], (1, 0)):
        found = find(None, tmp_path, living)
        assert (len(found.pending), len(found.living)) == expected


def test_a_folder_without_data_is_a_mistake(server: FakeWandb, tmp_path: Path) -> None:
    ended = sync(server, make_sweep(tmp_path / "s"))
    assert (ended.code, len(ended.stderr.splitlines())) == (2, 1)
    assert "holds no data of W&B" in ended.stderr


def test_without_a_key_nothing_is_tried(server: FakeWandb, local: Path) -> None:
    ended = sync(server, local, WANDB_API_KEY="")
    assert (ended.code, ended.stdout) == (2, "")
    assert "No API key configured" in ended.stderr
