"""What sbatch says when it takes no job: a mistake ends the sweep before it begins, everything else is waited out."""

import logging
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes import ListedCandidates, problem
from launching import open_launcher, submit, wait_for
from slurm.cluster import SlurmCluster
from waiting import wait_until

from ax_moo.jobs import refusals
from ax_moo.jobs.launcher import JobRequest, JobState
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Settings
from ax_moo.system.errors import ConfigError
from ax_moo_launchers import batch

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra, pytest.mark.usefixtures("slurm_cluster")]

PASSING = [
    "Batch job submission failed: Unexpected message received",
    "Batch job submission failed: Socket timed out on send/recv operation",
    "Batch job submission failed: Zero Bytes were transmitted or received",
    "Batch job submission failed: Unable to contact slurm controller (connect failure)",
    "Batch job submission failed: Unable to contact slurm controller (receive failure)",
    "Batch job submission failed: I/O error writing script/environment to file",
    "Batch job submission failed: Resource temporarily unavailable",
    "Batch job submission failed: Slurm backup controller in standby mode",
    "Batch job submission failed: Message receive failure",
    "Slurm temporarily unable to accept job, sleeping and retrying",
    "AssocGrpSubmitJobsLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy",
    "QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy",
]
MISTAKES = [
    "invalid partition specified: no\nsbatch: error: Batch job submission failed: Invalid partition name specified",
    "Batch job submission failed: Invalid account or account/partition combination specified",
    "Batch job submission failed: Invalid qos specification",
    "Batch job submission failed: Requested node configuration is not available",
]
ONE = problem("+x=interval(0, 1)", "+y=interval(0, 1)")


class Sbatch:
    """Stands before Slurm's own sbatch on PATH: its next calls say this; one may reach Slurm all the same."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._texts, self._real = folder / "texts", shutil.which("sbatch")
        (folder / "bin").mkdir()
        program = folder / "bin/sbatch"
        program.write_text(
            f"#!/bin/sh\necho >> {folder}/calls\nsaid=$(ls {self._texts} | head -1)\n"
            f'[ -z "$said" ] && exec {self._real} "$@"\n'
            f'case $said in *lost) {self._real} "$@" > /dev/null;; esac\n'
            f"cat {self._texts}/$said >&2\nrm {self._texts}/$said\nexit 1\n"
        )
        program.chmod(0o755)
        self._texts.mkdir()
        self._calls = folder / "calls"
        monkeypatch.setenv("PATH", f"{folder}/bin{os.pathsep}{os.environ['PATH']}")

    def says(self, text: str, times: int = 1, answer_is_lost: bool = False) -> None:
        for _ in range(times):
            name = f"{len(list(self._texts.iterdir())):03}-{'lost' if answer_is_lost else 'refused'}"
            (self._texts / name).write_text(f"sbatch: error: {text}\n")

    @property
    def calls(self) -> int:
        return self._calls.read_text().count("\n") if self._calls.exists() else 0


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sbatch:
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.05)
    folder = tmp_path / "before"
    folder.mkdir()
    return Sbatch(folder, monkeypatch)


@pytest.fixture
def task(tmp_path: Path) -> Callable[[Any], float]:
    """A line for each time that it runs."""
    begun = str(tmp_path / "begun")

    def run(config: Any) -> float:
        with open(begun, "a") as file:
            file.write(f"{config.x}\n")
        return float(config.x)

    return run


@contextmanager
def configured(cluster: SlurmCluster, line: str) -> Iterator[None]:
    config = cluster.folder / "slurm.conf"
    before = config.read_text()
    for text in (f"{before}\n{line}\n", before):
        cluster.stop_controller()
        config.write_text(text)
        cluster.start_controller()
        cluster.restore()
        if text != before:
            yield


def sweep(folder: Path, launcher: Any, n_trials: int, n_jobs: int = 3) -> SweepResult:
    settings = Settings(n_trials=n_trials, n_jobs=n_jobs)
    swept = folder / "sweep"
    swept.mkdir(exist_ok=True)
    previous = resume.previous_run(swept)
    return Sweep(ONE, settings, launcher, swept, lambda known: ListedCandidates(), previous_run=previous).run()


def begun(folder: Path) -> Counter[str]:
    return Counter((folder / "begun").read_text().split())


@pytest.mark.parametrize("most", [2, 0])
def test_a_first_round_larger_than_an_array_may_be_goes_out_job_by_job(
    tmp_path: Path, slurm_cluster: SlurmCluster, caplog: pytest.LogCaptureFixture, most: int
) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", lambda config: config.trial)
    with configured(slurm_cluster, f"MaxArraySize={most}"), caplog.at_level(logging.INFO):
        handles = submit(launcher, 0, 1, 2)
        later = submit(launcher, 3, 4)
        assert wait_for([*handles, *later]) == [JobState.FINISHED] * 5
    handles += later
    assert [handle.result().value for handle in handles] == [0, 1, 2, 3, 4]
    assert all(handle.job.job_id.isdigit() for handle in handles)
    assert caplog.text.count("Slurm takes no array of") == 1  # and larger numbers are not tried again


@pytest.mark.parametrize("text", PASSING)
def test_a_text_that_passes_is_no_mistake_not_even_at_the_first_submission(
    tmp_path: Path, sbatch: Sbatch, text: str
) -> None:
    sbatch.says(text)
    launcher = open_launcher(tmp_path, "async_slurm", lambda config: config.trial)
    with pytest.raises(refusals.NotNow, match="Slurm did not take a job"):
        submit(launcher, 0, 1)


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_at_a_sweeps_first_submission_is_told_in_sbatchs_words(
    tmp_path: Path, sbatch: Sbatch, task: Callable[[Any], float], text: str
) -> None:
    sbatch.says(text, times=9)
    with pytest.raises(ConfigError, match=text.splitlines()[-1].rpartition(": ")[2]):
        sweep(tmp_path, open_launcher(tmp_path, "async_slurm", task), n_trials=3)
    assert sbatch.calls == 1
    assert not (tmp_path / "sweep/sweep.jsonl").exists()


def test_a_sweep_waits_for_a_controller_that_is_busy_when_it_begins(
    tmp_path: Path, sbatch: Sbatch, task: Callable[[Any], float], caplog: pytest.LogCaptureFixture
) -> None:
    sbatch.says(PASSING[0], times=2)
    ending = sweep(tmp_path, open_launcher(tmp_path, "async_slurm", task), n_trials=3)
    assert ending.exit_code == 0
    assert set(begun(tmp_path).values()) == {1}
    assert caplog.text.count("Unexpected message received") == 2


def test_a_controller_that_stays_busy_is_given_up(
    tmp_path: Path, sbatch: Sbatch, task: Callable[[Any], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_REFUSALS", 3)
    sbatch.says(PASSING[0], times=9)
    ending = sweep(tmp_path, open_launcher(tmp_path, "async_slurm", task), n_trials=3)
    assert (ending.exit_code, sbatch.calls) == (1, 3)
    assert "refused 3 submissions in a row" in ending.stop_reason


@pytest.mark.parametrize("text", MISTAKES)
def test_no_refusal_at_a_resume_is_a_mistake(
    tmp_path: Path, sbatch: Sbatch, task: Callable[[Any], float], text: str
) -> None:
    assert sweep(tmp_path, open_launcher(tmp_path, "async_slurm", task), n_trials=1).exit_code == 0
    sbatch.says(text, times=2)
    ending = sweep(tmp_path, open_launcher(tmp_path, "async_slurm", task), n_trials=2, n_jobs=1)
    assert (ending.exit_code, len(ending.trials)) == (0, 2)
    assert set(begun(tmp_path).values()) == {1}


@pytest.mark.parametrize("text", MISTAKES)
def test_no_refusal_is_the_fault_of_one_trial_whose_resources_slurm_has_taken_or_has_never_seen(
    tmp_path: Path, sbatch: Sbatch, text: str
) -> None:
    own_name = "hydra.launcher.name='n${oc.select:trial,none}'"
    (running,) = submit(open_launcher(tmp_path, "async_slurm", lambda config: 0), 0)
    launcher = open_launcher(tmp_path, "async_slurm", lambda config: 0, own_name)
    launcher.attach(running.job)
    sbatch.says(text)
    with pytest.raises(refusals.NotNow):
        submit(launcher, 1)
    (taken,) = submit(launcher, 1)
    sbatch.says(text)
    with pytest.raises(refusals.NotNow):
        submit(launcher, 2)
    assert wait_for([running, taken]) == [JobState.FINISHED] * 2


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_no_trial_runs_twice_where_slurm_took_the_job_but_its_answer_was_lost(
    tmp_path: Path, sbatch: Sbatch, task: Callable[[Any], float], slurm_cluster: SlurmCluster, n_jobs: int
) -> None:
    slurm_cluster.end_jobs()
    sbatch.says(PASSING[1], answer_is_lost=True)
    ending = sweep(tmp_path, open_launcher(tmp_path, "async_slurm", task), n_trials=3, n_jobs=n_jobs)
    assert ending.exit_code == 0
    assert set(begun(tmp_path).values()) == {1}
    left = ["squeue", "--noheader", "--states=R,PD"]
    wait_until(lambda: subprocess.check_output(left) == b"", "the orphans to be cancelled", 20)


def test_a_batch_of_another_sweeper_waits_too_before_its_first_job(
    tmp_path: Path, sbatch: Sbatch, task: Callable[[Any], float]
) -> None:
    sbatch.says(PASSING[0], times=2)
    launcher = open_launcher(tmp_path, "async_slurm", task)
    requests = [JobRequest(trial, (f"+x={trial}",)) for trial in range(2)]
    jobs = batch.Batch(requests, launcher.submit, launcher.cancel_command, limit=None).run()
    assert [job.return_value for job in jobs] == [0, 1]
    assert (begun(tmp_path), sbatch.calls) == ({"0": 1, "1": 1}, 3)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (("hydra.launcher.timeout_min=1.5",), "TimeLimit=00:02:00"),
        (("hydra.launcher.timeout_min=0.2",), "TimeLimit=00:01:00"),
        (("hydra.launcher.mem_gb=0.5",), "mem=512M"),
        (("hydra.launcher.mem_gb=0.0001",), "mem=1M"),
        (("hydra.launcher.mem_gb=1.0001",), "mem=1025M"),
    ],
)
def test_what_is_no_whole_number_for_slurm_is_rounded_up(tmp_path: Path, options: tuple[str, ...], shown: str) -> None:
    hold = "+hydra.launcher.additional_parameters.hold=true"
    launcher = open_launcher(tmp_path, "async_slurm", lambda config: 0, hold, *options)
    launcher.check()
    (handle,) = submit(launcher, 1)
    job = subprocess.check_output(["scontrol", "show", "job", handle.job.job_id], text=True)
    handle.cancel()
    assert shown in job


@pytest.mark.parametrize("key", ["cpus_per_task", "gpus_per_node", "tasks_per_node", "nodes", "signal_delay_s"])
def test_half_a_thing_is_refused(tmp_path: Path, key: str) -> None:
    launcher = open_launcher(tmp_path, "async_slurm", lambda config: 0, f"hydra.launcher.{key}=1.5")
    with pytest.raises(ConfigError, match=rf"hydra\.launcher\.{key}: must be a whole number"):
        launcher.check()
