"""W&B in a trial, in each way in which it works and in each way in which it breaks."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from wandb_job import TRAIN, WandbJob
from wandb_server import API_KEY, FakeWandb, Fault, provide_wandb_server  # noqa: F401

from ax_moo.storage import journal
from ax_moo.wandb.settings import sweep_run_id, trial_run_id
from nas.checks import InvalidConfig
from nas.loggers import build_logger

pytestmark = pytest.mark.one_hydra

SHORT = ("logger.init_timeout=6", "logger.finish_timeout=4")
SLACK = 25.0
"""Seconds more than a timeout that starting a process and the like may take on a busy machine."""


def test_an_online_trial_carries_its_place_in_the_sweep_and_its_objectives(
    wandb_server: FakeWandb, tmp_path: Path
) -> None:
    # Left behind by the process that started this one, and dead.
    stale = {"WANDB_SERVICE": "2-1-tcp-localhost-1"}
    secrets = (f"+logger.settings.api_key={API_KEY}", "+logger.settings.x_extra_http_headers={X: its}")
    overrides = ("sweep_name=my:sweep", "logger.tags=[mnist,small]", "model.dropout=0.1,0.2", *secrets)
    ended = WandbJob(wandb_server, tmp_path, *overrides, environment=stale).end()
    assert (ended.code, ended.complaints) == (0, [])
    first, second = sorted(wandb_server.runs.values(), key=lambda run: run.id)
    assert (first.display_name, first.group, first.job_type) == ("my:sweep-0", "my:sweep", "trial")
    assert sorted(first.tags) == ["mnist", "small"]
    assert (first.config["model"]["dropout"], second.config["model"]["dropout"]) == (0.1, 0.2)
    assert second.config["trial"] == 1
    assert "model.dropout=0.2" in second.config["overrides"]
    assert "+logger.settings.x_extra_http_headers=***" in second.config["overrides"]
    assert "logger.settings.api_key=***" in second.files["wandb-metadata.json"].decode()
    assert API_KEY not in f"{first.config} {first.files} {second.config} {second.files}"
    assert (first.summary["val_acc"], first.summary["num_params"]) == (0.5, 7)
    assert (first.state, first.exitcode, len(first.history), len(second.history)) == ("finished", 0, 4, 4)
    assert list((tmp_path / "sweeps/my:sweep/wandb").glob("run-*"))


def test_an_exception_is_exit_code_1_and_the_next_trial_has_a_run_of_its_own(
    wandb_server: FakeWandb, tmp_path: Path
) -> None:
    ended = WandbJob(wandb_server, tmp_path, "+then=raise,finish").end()
    assert "ValueError: the training failed" in ended.output
    failed, finished = sorted(wandb_server.runs.values(), key=lambda run: run.id)
    assert (failed.state, failed.exitcode, len(failed.history)) == ("failed", 1, 3)
    assert (finished.state, finished.exitcode, len(finished.history)) == ("finished", 0, 4)


def test_a_preempted_trial_is_recorded_as_such_and_goes_on_with_the_same_run(
    wandb_server: FakeWandb, tmp_path: Path
) -> None:
    for then, code in {"terminate": 143, "requeue": 255}.items():
        assert WandbJob(wandb_server, tmp_path, f"+then={then}").end().code == code
        (run,) = wandb_server.runs.values()
        assert (run.state, run.exitcode) == ("preempted", 143)
    assert WandbJob(wandb_server, tmp_path).end().code == 0
    (run,) = wandb_server.runs.values()
    assert run.starts == 3
    assert [row["_step"] for row in run.history] == list(range(10))
    assert run.exitcode == 0


def test_sigterm_during_a_lightning_training_is_not_recorded_as_success(
    wandb_server: FakeWandb, tmp_path: Path
) -> None:
    job = WandbJob(wandb_server, tmp_path, "trainer.max_epochs=1000", "data.num_train=512", app=TRAIN)
    job.wait_until(lambda: any(run.history for run in wandb_server.runs.values()))
    job.terminate()
    assert job.end().code == 143
    (run,) = wandb_server.runs.values()
    assert (run.state, run.exitcode) == ("preempted", 143)


def test_without_an_api_key_and_offline_the_runs_can_be_uploaded_later(wandb_server: FakeWandb, tmp_path: Path) -> None:
    modes = "logger.mode=auto,offline,disabled"
    ended = WandbJob(wandb_server, tmp_path, "sweep_name=s", modes, environment={"WANDB_API_KEY": None}).end()
    assert ended.code == 0
    (complaint,) = ended.complaints
    assert "No API key configured" in complaint
    assert "wandb sync" in complaint
    assert not wandb_server.requests
    data = tmp_path / "sweeps/s/wandb"
    assert len(list(data.glob("offline-run-*"))) == 2
    sync(wandb_server, data)
    first, second = sorted(wandb_server.runs.values(), key=lambda run: run.id)
    assert (first.display_name, second.display_name) == ("s-0", "s-1")
    assert (first.group, first.state, first.summary["val_acc"]) == ("s", "finished", 0.5)
    assert second.config["logger"]["mode"] == "offline"


def sync(server: FakeWandb, folder: Path) -> None:
    code = "from wandb.cli.cli import cli; cli()"
    subprocess.run(
        [sys.executable, "-c", code, "sync", "--yes", str(folder)],
        env=server.environment(),
        capture_output=True,
        timeout=120,
        check=True,
    )


@pytest.mark.parametrize("fault", ["silent", "500", "429"])
def test_a_server_that_fails_from_the_start_costs_its_timeout_and_one_sentence(
    wandb_server: FakeWandb, tmp_path: Path, fault: Fault
) -> None:
    wandb_server.fault = fault
    ended = WandbJob(wandb_server, tmp_path, "sweep_name=s", *SHORT).end()
    assert ended.code == 0
    (complaint,) = ended.complaints
    assert "CommError" in complaint
    assert "wandb sync" in complaint
    started_after, ended_after = ended.seconds
    assert started_after < 6 + SLACK
    assert ended_after < 4 + SLACK
    wandb_server.fault = None
    sync(wandb_server, tmp_path / "sweeps/s/wandb")
    (run,) = wandb_server.runs.values()
    assert (run.display_name, run.summary["val_acc"], run.state) == ("s-0", 0.5, "finished")


@pytest.mark.parametrize("fault", ["silent", "500"])
def test_a_server_that_fails_later_costs_the_finish_timeout_and_one_sentence(
    wandb_server: FakeWandb, tmp_path: Path, fault: Fault
) -> None:
    job = WandbJob(wandb_server, tmp_path, "+then=wait", *SHORT)
    job.wait_until((tmp_path / "waiting").exists)
    wandb_server.fault = fault
    (tmp_path / "waiting").unlink()
    ended = job.end()
    assert ended.code == 0
    (complaint,) = ended.complaints
    assert "Timed out finishing run" in complaint
    assert ended.seconds[-1] < 4 + SLACK


def test_a_killed_service_costs_one_sentence_and_not_the_next_trial(wandb_server: FakeWandb, tmp_path: Path) -> None:
    ended = WandbJob(wandb_server, tmp_path, "+then=kill_service,finish", *SHORT).end()
    assert ended.code == 0
    (complaint,) = ended.complaints
    assert "training goes on without it" in complaint
    assert "Traceback" not in ended.output
    states = {run.display_name: run.state for run in wandb_server.runs.values()}
    assert states == {"nas-0": "running", "nas-1": "finished"}


def test_a_folder_that_cannot_be_written_costs_one_sentence(wandb_server: FakeWandb, tmp_path: Path) -> None:
    (tmp_path / "sweeps/nas").mkdir(parents=True)
    (tmp_path / "sweeps/nas/wandb").touch()
    ended = WandbJob(wandb_server, tmp_path).end()
    assert ended.code == 0
    (complaint,) = ended.complaints
    assert "training goes on without it" in complaint


def test_without_wandb_the_training_goes_on_and_says_what_to_install(wandb_server: FakeWandb, tmp_path: Path) -> None:
    ended = WandbJob(wandb_server, tmp_path, "+then=lack_wandb").end()
    assert ended.code == 0
    (complaint,) = ended.complaints
    assert "pip install hydra-ax-moo[wandb]" in complaint


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("mode", "onlin", "one of auto, online, offline, disabled"),
        ("init_timeout", 0, "a number of seconds above 0"),
        ("finish_timeout", "long", "a number of seconds above 0"),
        ("tags", "small", "a list of names"),
    ],
)
def test_a_mistake_in_the_config_names_the_key(key: str, value: object, remedy: str) -> None:
    config = OmegaConf.create({"logger": OmegaConf.load(TRAIN.parent / "conf/logger/wandb.yaml")})
    config.logger[key] = value
    with pytest.raises(InvalidConfig, match=f"logger.{key}: must be {remedy}.*, got {value!r}"), build_logger(config):
        pass


def test_a_run_id_depends_on_sweep_folder_and_trial_and_on_nothing_else() -> None:
    one = trial_run_id("a sweep: 1/2?", Path("/data/one"), 3)
    assert one == trial_run_id("a sweep: 1/2?", Path("/data/one"), 3)
    assert len({one, trial_run_id("a sweep: 1/2?", Path("/data/two"), 3)}) == 2
    assert len({one, trial_run_id("a sweep: 1/2?", Path("/data/one"), 4)}) == 2
    assert re.fullmatch(r"[\w-]{1,64}", trial_run_id("ö" * 200 + ":;,#?/'", Path("/data/one"), 1000))


def test_a_sweep_whose_folder_was_moved_goes_on_with_its_runs(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "sweep.jsonl").write_text(json.dumps({"format": 1, "problem": {}, "id": "a1", "home": str(begun)}) + "\n")
    before = trial_run_id("s", begun, 3), sweep_run_id("s", begun)
    moved = begun.rename(tmp_path / "moved")
    assert (trial_run_id("s", moved, 3), sweep_run_id("s", moved)) == before


def test_a_sweep_that_begins_anew_in_a_folder_has_other_run_ids_and_one_of_an_earlier_version_keeps_its_own(
    tmp_path: Path,
) -> None:
    before = trial_run_id("s", tmp_path, 3), sweep_run_id("s", tmp_path)
    found = {before}
    for header in ({"id": "a"}, {"id": "b"}, {}):
        begun = {"format": journal.FORMAT, "problem": {}, "time": 1.0, **header}
        (tmp_path / journal.JOURNAL_FILE).write_text(json.dumps(begun) + "\n")
        found.add((trial_run_id("s", tmp_path, 3), sweep_run_id("s", tmp_path)))
    assert len(found) == 3, "without an id they are those that the folder alone gives"
    assert trial_run_id("s", Path("/data/one"), 3) == "s-b6b60f4d-3"
    own = sweep_run_id("s", tmp_path)
    assert trial_run_id("s", tmp_path, 3).removesuffix("-3") == own.removesuffix("-sweep")
