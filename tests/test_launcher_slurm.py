import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launching import open_launcher, request, submit, wait_for
from slurm.cluster import SlurmCluster
from waiting import wait_for_file

from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo.system.errors import ConfigError
from hydra_plugins.async_submitit_launcher.launcher import adopt

Task = Callable[[Any], Any]

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.usefixtures("slurm_cluster"),
]


# Tasks are nested functions, so that the job gets them by value and does not import pytest.
def where_it_runs(sleep_s: float = 0.0) -> Task:
    def task(config: Any) -> Any:
        time.sleep(sleep_s)
        return os.environ["SLURMD_NODENAME"], os.environ.get("CUDA_VISIBLE_DEVICES"), config.trial

    return task


def accounting(handles: list[JobHandle]) -> list[list[str]]:
    """State and number of GPUs by sacct, once it knows the end of all jobs."""
    ids = ",".join(handle.job.job_id for handle in handles)
    command = ["sacct", "-n", "-P", "-X", "-o", "JobID,State,AllocTRES", "-j", ids]
    deadline = time.monotonic() + 90
    while True:
        rows = [row.split("|") for row in subprocess.check_output(command, text=True).splitlines()]
        ended = [row for row in rows if row[1] not in ("RUNNING", "PENDING", "COMPLETING")]
        if len(ended) == len(handles):
            return rows
        assert time.monotonic() < deadline, rows
        time.sleep(0.2)


def wait_for_task(handle: JobHandle) -> None:
    """Wait until Hydra has begun the job's task function."""
    folder = Path(handle.job.folder)
    deadline = time.monotonic() + 60
    while not (folder.parent.parent / folder.name / ".hydra/overrides.yaml").exists():
        assert time.monotonic() < deadline, f"job {handle.job.job_id} did not start"
        time.sleep(0.05)


def move_end(handle: JobHandle, seconds: int) -> None:
    command = ["scontrol", "update", f"jobid={handle.job.job_id}", f"EndTime=now+{seconds}"]
    subprocess.run(command, check=True)


def test_a_first_round_is_one_array_on_both_nodes_with_a_gpu_each(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", where_it_runs(2.0), "hydra.launcher.gpus_per_node=1")
    launcher.check()
    handles = submit(launcher, 0, 1, 2, 3)

    assert wait_for(handles, 60) == [JobState.FINISHED] * 4
    array = handles[0].job.job_id.split("_")[0]
    assert [handle.job.job_id for handle in handles] == [f"{array}_{trial}" for trial in range(4)]
    assert [handle.job.folder for handle in handles] == [
        str(tmp_path / f"sweep/.submitit/{trial}") for trial in range(4)
    ]
    values = [handle.result().value for handle in handles]
    assert {value[:2] for value in values} == {("n1", "0"), ("n1", "1"), ("n2", "0"), ("n2", "1")}
    assert [value[2] for value in values] == [0, 1, 2, 3]
    rows = accounting(handles)
    assert [row[1] for row in rows] == ["COMPLETED"] * 4
    assert all("gres/gpu=1" in row[2] for row in rows)


def test_later_jobs_are_an_array_too_and_are_found_again(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", where_it_runs())
    handles = submit(launcher, 5, 9)
    again = open_launcher(tmp_path, "async_slurm", where_it_runs())
    found, attached = again.find(request(9)), again.attach(handles[0].job)

    array = handles[0].job.job_id.split("_")[0]
    assert [handle.job.job_id for handle in handles] == [f"{array}_5", f"{array}_9"]
    assert found.job == handles[1].job
    assert found.job.folder == str(tmp_path / "sweep/.submitit/9")
    assert again.find(request(6)) is None
    assert wait_for([attached, found]) == [JobState.FINISHED] * 2
    assert [attached.result().value[2], found.result().value[2]] == [5, 9]


@pytest.mark.one_hydra
def test_array_parallelism_is_kept(tmp_path: Path) -> None:
    def task(config: Any) -> Any:
        begin = time.time()
        time.sleep(1)
        return begin, time.time()

    launcher = open_launcher(tmp_path, "async_slurm", task, "hydra.launcher.array_parallelism=1")
    handles = submit(launcher, 0, 1)
    wait_for(handles, 60)
    (_, first_end), (second_begin, _) = sorted(handle.result().value for handle in handles)
    assert second_begin >= first_end


@pytest.mark.one_hydra
def test_every_lost_job_says_truly_why(tmp_path: Path) -> None:
    def die(config: Any) -> None:
        if config.trial == 0:
            os._exit(9)
        time.sleep(120)

    folders = iter(range(4))

    def open_one(*overrides: str) -> Any:
        return open_launcher(tmp_path / str(next(folders)), "async_slurm", die, *overrides)

    died = submit(open_one(), 0)
    (cancelled,) = submit(open_one(), 2)
    (out_of_time,) = submit(open_one("hydra.launcher.timeout_min=5"), 2)
    (ended_by_slurm,) = submit(open_one("hydra.launcher.signal_delay_s=0"), 2)
    for handle in (cancelled, out_of_time, ended_by_slurm):
        wait_for_task(handle)
    cancelled.cancel()
    # The shortest limit is a minute, but the end of a running job can be moved; Slurm looks every half minute. Where
    # a limit is longer than ten minutes, submitit would take an early signal for a preemption.
    move_end(out_of_time, 90)
    move_end(ended_by_slurm, 1)
    handles = [*died, cancelled, out_of_time, ended_by_slurm]

    assert wait_for(handles, 120) == [JobState.LOST] * 4
    assert [handle.result().error for handle in handles] == [
        "FAILED, exit code 9, no result written",
        "CANCELLED by 0, no result written",
        "time limit of 5 min reached",
        "TIMEOUT, no result written",
    ]


def test_an_exception_in_the_task_is_its_one_line(tmp_path: Path) -> None:
    def task(config: Any) -> None:
        raise ValueError("boom\nand more")

    handles = submit(open_launcher(tmp_path, "async_slurm", task), 0)
    assert wait_for(handles) == [JobState.FINISHED]
    assert handles[0].result().error == "ValueError: boom and more"


@pytest.mark.one_hydra
def test_a_scheduler_that_does_not_answer_loses_no_job(tmp_path: Path, slurm_cluster: SlurmCluster) -> None:
    def task(config: Any) -> None:
        (tmp_path / "begun").write_text("yes")
        time.sleep(5.0)

    (handle,) = submit(open_launcher(tmp_path, "async_slurm", task), 0)
    # Slurm says RUNNING before srun has asked for its step, which is lost with the job where nobody answers.
    wait_for_file(tmp_path / "begun")
    slurm_cluster.stop_controller()
    try:
        deadline = time.monotonic() + 4
        states = set()
        while time.monotonic() < deadline:
            states.add(handle.state())
            time.sleep(0.2)
        attached = open_launcher(tmp_path, "async_slurm", where_it_runs()).attach(handle.job)
        states.add(attached.state())
        assert states <= {JobState.RUNNING, JobState.PENDING, JobState.FINISHED}
    finally:
        slurm_cluster.start_controller()
    assert wait_for([handle, attached], 60) == [JobState.FINISHED] * 2


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("hydra.launcher.partition=nowhere", "invalid partition"),
        ("hydra.launcher.gpus_per_node=9", "Requested node configuration is not available"),
        ("+hydra.launcher.additional_parameters.no-such-option=1", "unrecognized option"),
    ],
)
def test_slurms_own_sentence_is_the_message_about_a_wrong_setting(tmp_path: Path, override: str, sentence: str) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", where_it_runs(), override)
    with pytest.raises(ConfigError, match=sentence):
        submit(launcher, 0, 1)
    assert list((tmp_path / "sweep/.submitit").rglob("*.pkl")) == []


@pytest.mark.one_hydra
def test_a_refusal_after_the_first_job_is_no_mistake_and_leaves_nothing_behind(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", where_it_runs())
    handles = submit(launcher, 0)
    subprocess.run(["scontrol", "update", "partition=gpu", "state=INACTIVE"], check=True)
    try:
        with pytest.raises(OSError, match=r"Slurm did not take a job: .*Required partition not available"):
            submit(launcher, 1)
        assert list((tmp_path / "sweep/.submitit/1").iterdir()) == []
    finally:
        subprocess.run(["scontrol", "update", "partition=gpu", "state=UP"], check=True)
    assert wait_for([*handles, *submit(launcher, 1)]) == [JobState.FINISHED] * 2


def test_a_wrong_value_is_found_without_asking_slurm(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", where_it_runs(), "hydra.launcher.setup=module load cuda")
    with pytest.raises(
        ConfigError, match=r"hydra\.launcher\.setup: must be a list of lines of shell, or null, got 'module load cuda'"
    ):
        launcher.check()


def test_without_slurm_the_message_names_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", where_it_runs())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="async_slurm: Slurm's sbatch"):
        launcher.check()


def test_a_users_stock_slurm_config_is_driven_without_waiting(tmp_path: Path) -> None:
    options = ["hydra.launcher.gpus_per_node=1", "hydra.launcher.partition=gpu"]
    launcher = adopt(open_launcher(tmp_path, "submitit_slurm", where_it_runs(), *options))
    assert launcher is not None
    handles = submit(launcher, 0, 1)
    assert wait_for(handles) == [JobState.FINISHED] * 2
    assert {handle.result().value[1] for handle in handles} <= {"0", "1"}


APP = """
import os
import hydra
from omegaconf import DictConfig
import beside

@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> int:
    print("by", os.environ["SLURMD_NODENAME"], os.environ.get("FROM_SETUP"))
    return beside.twice(config.x)

if __name__ == "__main__":
    main()
"""


def test_a_script_finds_the_module_beside_it_where_no_environment_is_handed_over(tmp_path: Path) -> None:
    project = tmp_path / 'it\'s a "project" $HOME'
    (project / "src").mkdir(parents=True)
    (project / "src/train.py").write_text(APP)
    (project / "src/beside.py").write_text("def twice(x):\n    print('twice', x)\n    return 2 * x\n")
    options = ["hydra/launcher=async_slurm", "+hydra.launcher.additional_parameters.export=NONE"]
    options += ["hydra.launcher.setup=['export FROM_SETUP=yes']", "+x=1,2", "hydra.sweep.dir=out"]
    done = subprocess.run([sys.executable, "src/train.py", "-m", *options], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    logs = "".join(sorted(log.read_text() for log in (project / "out/.submitit").glob("*/*_log.out")))
    assert "twice 1" in logs
    assert "twice 2" in logs
    assert logs.count(" yes") == 2
