"""W&B in a Lightning application that is not ours, under both names by which Lightning is published."""

import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from wandb_job import FOREIGN, Ended, WandbJob
from wandb_server import API_KEY, FakeWandb, provide_wandb_server  # noqa: F401

from ax_moo.system.errors import ConfigError
from ax_moo.wandb import TrainingRunSettings

pytestmark = pytest.mark.one_hydra


@pytest.mark.parametrize("lightning", ["pytorch_lightning", "lightning.pytorch"])
def test_the_run_is_in_the_sweeps_group_ends_as_the_training_did_and_goes_on_after_a_requeue(
    wandb_server: FakeWandb, tmp_path: Path, lightning: str
) -> None:
    def train(then: str) -> Ended:
        own = (f"lightning={lightning}", f"then={then}", f"tracking.wandb.settings.api_key={API_KEY}")
        overrides = ("hydra.sweep.dir=outputs/search", *own)
        job = WandbJob(wandb_server, tmp_path, *overrides, app=FOREIGN, logger="+trial=first", imported=lightning)
        return job.end()

    for then, code, state, exit_code in (
        ("raise", 1, "failed", 1),
        ("requeue", 255, "preempted", 143),
        ("terminate", 143, "preempted", 143),
        ("finish", 0, "finished", 0),
    ):
        ended = train(then)
        assert (ended.code, ended.complaints) == (code, []), ended.output
        assert "a logger of its own Lightning: True" in ended.output
        assert "Lightning was imported twice: False" in ended.output
        (run,) = wandb_server.runs.values()
        assert (run.state, run.exitcode) == (state, exit_code)
    assert (run.starts, run.display_name, run.group, run.job_type) == (4, "search-0", "search", "trial")
    assert (run.tags, run.config["trial"], run.config["lightning"]) == (["small"], 0, lightning)
    assert len([row for row in run.history if "loss" in row]) >= 2
    assert run.summary["error"] == run.summary["loss"]
    assert API_KEY not in f"{run.config} {run.files}"


@pytest.mark.parametrize(
    ("tracking", "message"),
    [
        ({"mode": "onlin"}, "tracking.wandb.mode: must be one of auto, online, offline, disabled, got 'onlin'"),
        ({"finish_timeout": 0}, "tracking.wandb.finish_timeout: must be a number of seconds above 0, got 0"),
        ({"tags": "small"}, "tracking.wandb.tags: must be a list of names"),
        ({"settings": 1}, "tracking.wandb.settings: must be a mapping"),
        ({"projct": "mnist"}, "tracking.wandb.projct: unknown key; did you mean 'project'?"),
        (None, "tracking.wandb: must be a mapping"),
    ],
)
def test_a_mistake_names_the_key_in_the_applications_own_config(tracking: object, message: str) -> None:
    config = OmegaConf.create({"tracking": {"wandb": tracking}})
    with pytest.raises(ConfigError) as error:
        TrainingRunSettings.from_config(config, "tracking.wandb")
    assert str(error.value).startswith(message)


def test_what_the_config_leaves_empty_has_its_default() -> None:
    config = OmegaConf.create({"logger": {"kind": "wandb", "tags": None, "settings": None, "project": "mnist"}})
    assert TrainingRunSettings.from_config(config) == TrainingRunSettings(project="mnist")


def test_the_room_is_imported_without_wandb_and_lightning_and_gives_the_function_each_time() -> None:
    code = """
import sys
from ax_moo.wandb import training_run
import ax_moo.wandb.training
from ax_moo.wandb import TrainingRunSettings, joined_sweep, summarize, training_run, trial_run_id
assert callable(training_run)
assert not {"wandb", "pytorch_lightning", "lightning", "torch"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
