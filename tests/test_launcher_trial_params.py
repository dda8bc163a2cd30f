"""Settings of the launcher that depend on the trial: each job has those of its own config."""

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ax_moo_command import ax_moo
from launching import open_launcher, wait_for
from slurm.cluster import SlurmCluster
from sweeping import run_sweep, write_app

from ax_moo.jobs.launcher import JobHandle, JobRequest, JobState
from ax_moo.jobs.refusals import NotNow, RequestRefused
from ax_moo.system.errors import ConfigError
from ax_moo_launchers.slurm.taken import Taken
from hydra_plugins.async_submitit_launcher.launcher import adopt

CONFIG = """
model: small
minutes: {small: 2, large: 30, wrong: soon}
gigabytes: {small: 1, large: 2, wrong: 1}
"""
BY_MODEL = ("hydra.launcher.timeout_min='${minutes.${model}}'", "hydra.launcher.mem_gb='${gigabytes.${model}}'")

APP = """
import hydra


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(config):
    return float(config.x)


if __name__ == "__main__":
    main()
"""
SWEEP = ("+x=interval(0,1)", "hydra.sweeper.method=sobol", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=4")


def request(trial: int, *overrides: str) -> JobRequest:
    return JobRequest(trial, overrides)


def open_with(folder: Path, name: str, task: Callable[[Any], Any], *overrides: str) -> Any:
    return open_launcher(folder, name, task, *overrides, config=CONFIG)


def shown(handle: JobHandle) -> Mapping[str, str]:
    text = subprocess.check_output(["scontrol", "show", "job", handle.job.job_id], text=True)
    return dict(re.findall(r"\b(TimeLimit|MinMemoryNode|JobName|ArrayJobId)=(\S+)", text))


@pytest.mark.slurm
@pytest.mark.usefixtures("slurm_cluster")
@pytest.mark.parametrize("launcher", ["async_slurm", "submitit_slurm"])
def test_each_slurm_job_asks_for_what_its_own_config_says(tmp_path: Path, launcher: str) -> None:
    name = "hydra.launcher.name='job-${model}'"
    opened = adopt(open_with(tmp_path, launcher, lambda config: config.model, *BY_MODEL, name))
    assert opened is not None
    opened.check()
    handles = opened.submit([request(0, "model=small"), request(1, "model=large"), request(2, "model=small")])
    found = [shown(handle) for handle in handles]
    states = wait_for(handles)
    assert states == [JobState.FINISHED] * 3, [handle.result() for handle in handles]
    assert [handle.result().value for handle in handles] == ["small", "large", "small"]
    assert [each["TimeLimit"] for each in found] == ["00:02:00", "00:30:00", "00:02:00"]
    assert [each["MinMemoryNode"] for each in found] == ["1G", "2G", "1G"]
    assert [each["JobName"] for each in found] == ["job-small", "job-large", "job-small"]
    assert handles[1].job.request == {"timeout_min": 30, "mem_gb": 2, "name": "job-large"}


@pytest.mark.slurm
@pytest.mark.one_hydra
@pytest.mark.usefixtures("slurm_cluster")
def test_jobs_of_a_first_round_that_ask_for_the_same_are_one_array(tmp_path: Path) -> None:
    launcher = open_with(tmp_path, "async_slurm", lambda config: config.model, *BY_MODEL)
    models = ["small", "large", "small", "large", "large"]
    handles = launcher.submit([request(trial, f"model={model}") for trial, model in enumerate(models)])
    assert wait_for(handles) == [JobState.FINISHED] * 5
    assert [handle.result().value for handle in handles] == models
    small, large = handles[0].job.job_id.split("_")[0], handles[1].job.job_id.split("_")[0]
    assert [handle.job.job_id for handle in handles] == [
        f"{small}_0", f"{large}_1", f"{small}_2", f"{large}_3", f"{large}_4"
    ]  # fmt: skip
    assert [Path(handle.job.folder).name for handle in handles] == list("01234")


@pytest.mark.slurm
@pytest.mark.one_hydra
def test_a_trial_whose_resources_slurm_refuses_fails_and_the_others_run(
    tmp_path: Path, slurm_cluster: SlurmCluster
) -> None:
    launcher = open_with(
        tmp_path, "async_slurm", lambda config: config.model, "hydra.launcher.mem_gb='${gigabytes.${model}}'"
    )
    handles = launcher.submit([request(0, "model=small"), request(1, "model=large", "gigabytes.large=900")])
    assert wait_for(handles) == [JobState.FINISHED] * 2
    assert handles[0].result().value == "small"
    assert "Slurm refuses the resources of this trial: sbatch: error" in str(handles[1].result().error)


@pytest.mark.slurm
@pytest.mark.one_hydra
@pytest.mark.usefixtures("slurm_cluster")
def test_a_resumed_sweep_knows_from_its_jobs_whose_fault_a_refusal_is(tmp_path: Path) -> None:
    def launcher(*more: str) -> Any:
        memory = "hydra.launcher.mem_gb='${gigabytes.${model}}'"
        return open_with(tmp_path, "async_slurm", lambda config: config.model, memory, *more)

    too_large = request(1, "model=large", "gigabytes.large=900")
    with pytest.raises(RequestRefused):
        launcher().submit([too_large])
    (done,) = launcher().submit([request(0, "model=small")])
    assert wait_for([done]) == [JobState.FINISHED]
    with pytest.raises(RequestRefused):  # a setting of all trials may be to blame as well
        launcher("hydra.launcher.cpus_per_task=2").submit([too_large])
    with pytest.raises(RequestRefused):
        launcher().submit([replace(too_large, sweep="another")])
    (refused,) = launcher().submit([too_large])
    assert "Slurm refuses the resources of this trial: sbatch: error" in str(refused.result().error)


@pytest.mark.parametrize(("partition", "is_to_blame"), [("gpu", False), ("gone", True)])
def test_a_partition_is_a_trials_fault_if_it_is_the_trials_own(partition: str, is_to_blame: bool) -> None:
    taken = Taken()
    taken.add({"partition": "gpu", "mem_gb": 1})
    asked = {"partition": partition, "mem_gb": 2}
    assert taken.shows_fault_of(asked, "invalid partition specified: no") is is_to_blame
    assert taken.shows_fault_of(asked, "Requested node configuration is not available")


def test_a_local_job_has_the_time_limit_of_its_own_config(tmp_path: Path) -> None:
    def task(config: Any) -> str:
        import time

        time.sleep(0 if config.model == "small" else 60)
        return str(config.model)

    limit = "hydra.launcher.timeout_min='${minutes.${model}}'"
    launcher = open_with(tmp_path, "async_local", task, limit)
    handles = launcher.submit([request(3, "model=small"), request(4, "model=large", "minutes.large=0.05")])
    assert wait_for(handles) == [JobState.FINISHED, JobState.LOST]
    assert handles[0].result().value == "small"
    assert handles[1].result().error == "time limit of 0.05 min reached"


def test_a_trial_whose_settings_are_wrong_fails_with_a_sentence(tmp_path: Path) -> None:
    launcher = open_with(tmp_path, "async_local", lambda config: config.model, *BY_MODEL)
    handles = launcher.submit([request(0, "model=wrong"), request(1), request(2, "model=unknown")])
    states = wait_for(handles)
    assert states == [JobState.FINISHED] * 3, [handle.result() for handle in handles]
    assert handles[0].result().error == "hydra.launcher.timeout_min: must be a number above 0, or null, got 'soon'"
    assert handles[1].result().value == "small"
    assert re.match(
        r"hydra\.launcher\.timeout_min: '\$\{minutes\.\$\{model\}\}' cannot be resolved in the config of a trial: .*"
        r"'minutes\.unknown' not found",
        str(handles[2].result().error),
    )


def test_settings_that_do_not_depend_on_the_trial_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = open_with(
        tmp_path, "async_local", lambda config: config.model, "hydra.launcher.name='${hydra.job.name}'"
    )
    assert not launcher.trial_params.depend_on_trial
    monkeypatch.setattr(launcher.hydra_context, "config_loader", None)
    assert launcher.trial_params.of(None, 0, []) == launcher.params


@pytest.mark.parametrize("launcher", ["async_local", "submitit_local"])
def test_a_sweep_resolves_what_only_a_trials_config_has(tmp_path: Path, launcher: str) -> None:
    project = write_app(tmp_path, APP)
    (project / "config.yaml").write_text(CONFIG)
    limit = "hydra.launcher.timeout_min='${oc.select:minutes.${size},5}'"
    name = "hydra.launcher.name='${size}-${hydra.job.num}'"
    swept = run_sweep(project, f"hydra/launcher={launcher}", limit, name, "+size=choice(small,large,other)", *SWEEP)
    assert swept.code == 0, swept.err
    minutes = {"small": 2, "large": 30, "other": 5}
    for row in swept.last:
        size = row["parameterization"]["size"]
        assert row["job"]["request"] == {"timeout_min": minutes[size], "name": f"{size}-{row['trial']}"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("hydra.launcher.timeout_min='${minutes.${model}}'", "model=choice(small,large,wrong)"), "got 'soon'"),
        (("hydra.launcher.timeout_min='${minutes.${model}}'", "model=choice(small,huge)"), "'minutes.huge' not found"),
        (("hydra.launcher.mem_gb='${x}'", "model=small"), "hydra.launcher.mem_gb: must be a number above 0"),
        (("hydra.launcher.mem_gb='${modl}'", "model=small"), "hydra.launcher.mem_gb: '${modl}' cannot be resolved"),
        (("hydra/launcher=basic", "+hydra.launcher.mem_gb='${modl}'", "model=small"), "hydra.launcher: Inter"),
    ],
)
def test_a_mistake_shows_before_the_first_job(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    project = write_app(tmp_path, APP)
    (project / "config.yaml").write_text(CONFIG)
    swept = run_sweep(project, "hydra/launcher=async_local", *options, *SWEEP)
    assert (swept.code, "Traceback" in swept.err) == (2, False), swept.err
    assert sentence in swept.err
    assert not swept.folder.exists() or not list(swept.folder.glob("*/.hydra"))


def test_another_sweeper_gets_them_too(tmp_path: Path) -> None:
    launcher = open_with(tmp_path, "async_local", lambda config: config.model, *BY_MODEL)
    returned = launcher.launch([["model=small"], ["model=large"]], initial_job_idx=0)
    assert [each.return_value for each in returned] == ["small", "large"]
    with pytest.raises(SystemExit):
        launcher.launch([["model=small"], ["model=wrong"]], initial_job_idx=2)
    assert not (tmp_path / "sweep/2").exists()


def test_config_error_is_raised_for_the_examples(tmp_path: Path) -> None:
    launcher = open_with(tmp_path, "async_local", lambda config: config.model, *BY_MODEL)
    launcher.check_trials([["model=small"], ["model=large"]])
    with pytest.raises(ConfigError, match="got 'soon'"):
        launcher.check_trials([["model=small"], ["model=wrong"]])


@pytest.mark.one_hydra
def test_a_setting_that_is_missing_between_the_ends_of_a_range_fails_those_trials_only(tmp_path: Path) -> None:
    resolver = "OmegaConf.register_new_resolver('minutes', {1: 5, 3: 5}.__getitem__)"
    project = write_app(tmp_path, f"from omegaconf import OmegaConf\n{resolver}\n{APP}")
    (project / "config.yaml").write_text("{}")
    limit = "hydra.launcher.timeout_min='${minutes:${n}}'"
    options = ("hydra/launcher=async_local", "hydra.sweeper.method=grid", "hydra.sweeper.n_trials=3", limit)
    swept = run_sweep(project, *options, "+n=int(interval(1,3))", "+x=1", "hydra.sweeper.max_failure_rate=1")
    assert swept.code == 0, swept.err
    found = {row["parameterization"]["n"]: (row["status"], row.get("reason")) for row in swept.last}
    assert found.pop(2) == (
        "FAILED",
        "hydra.launcher.timeout_min: '${minutes:${n}}' cannot be resolved in the config of a trial: KeyError raised "
        "while resolving interpolation: 2; give a value that each trial's config has",
    )
    assert found == {1: ("COMPLETED", None), 3: ("COMPLETED", None)}
    status = ax_moo("status", swept.folder)
    assert (status.code, "interpolation: 2" in status.out) == (0, True), status.err


@pytest.mark.one_hydra  # Hydra 1.4 refuses such an option
def test_an_option_of_a_config_group_may_set_them(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    (project / "config.yaml").write_text("defaults: [_self_, size: small]\nx: 1")
    (project / "size").mkdir()
    (project / "size/small.yaml").write_text("{}")
    (project / "size/large.yaml").write_text("# @package _global_\nhydra: {launcher: {timeout_min: 50}}")
    options = ("hydra/launcher=async_local", "hydra.sweeper.method=grid", "hydra.sweeper.n_trials=2")
    swept = run_sweep(project, *options, "size=choice(small,large)")
    assert swept.code == 0, swept.err
    requests = {row["parameterization"]["size"]: row["job"]["request"] for row in swept.last}
    assert requests == {"small": {"timeout_min": None}, "large": {"timeout_min": 50}}


@pytest.mark.one_hydra
def test_a_local_trial_that_needs_more_gpus_than_are_free_waits_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    go = tmp_path / "go"

    def task(config: Any) -> str:
        import os
        import time

        while config.n == 1 and not go.exists():
            time.sleep(0.05)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    launcher = open_launcher(tmp_path, "async_local", task, "hydra.launcher.gpus_per_node='${n}'", config="n: 0")
    launcher.check()
    assert launcher.max_jobs == 2
    (none,) = launcher.submit([request(0, "n=0")])
    (one,) = launcher.submit([request(1, "n=1")])
    with pytest.raises(NotNow, match="2 GPUs are not free yet"):
        launcher.submit([request(2, "n=2")])
    go.touch()
    assert wait_for([none, one]) == [JobState.FINISHED] * 2
    (two,) = launcher.submit([request(2, "n=2")])
    wait_for([two])
    assert [handle.result().value for handle in (none, one)] == ["", "4"]
    assert sorted(two.result().value) == list(",45")
    (three,) = launcher.submit([request(3, "n=3")])
    assert "hydra.launcher.gpus_per_node: must be at most 2" in str(three.result().error)
