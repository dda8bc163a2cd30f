"""Trials of the application that are requeued, preempted and tried again, on Slurm: they go on where they were."""

import csv
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from slurm.cluster import SlurmCluster
from slurm.orders import job_id, rows, sweep_of
from sweeping import Swept, wait_for_sweep
from waiting import wait_until
from wandb_backend import FakeRun
from wandb_server import FakeWandb

from ax_moo import measurements

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra]

CSV, WANDB = range(2)
EPOCHS = 5
SIZE = "model.hidden_size_1: 16, model.hidden_size_2: 16, data.batch_size: 64"
POINT = f"{SIZE}, model.learning_rate: 1e-3, model.dropout: 0.1"
OPTIONS = (
    "hydra/launcher=async_slurm",
    "hydra.launcher.gpus_per_node=2",
    "hydra.sweeper.n_trials=2",
    "hydra.sweeper.method=sobol",
    f"hydra.sweeper.initial=[{{{POINT}, logger: csv}}, {{{POINT}, logger: wandb}}]",
    "logger=choice(csv,wandb)",
    "experiment=smoke",
    f"trainer.max_epochs={EPOCHS}",
)


@dataclass(frozen=True)
class Said:
    trial: int
    pid: int
    word: str
    epoch: int


class Training:
    """Two trials of held_training.py in the folder of a sweep."""

    def __init__(self, project: Path) -> None:
        self.project = project
        for trial in (CSV, WANDB):
            self.allow(trial, 0)

    def allow(self, trial: int, epochs: int) -> None:
        aside = self.project / f"aside-{trial}"
        aside.write_text(str(epochs))
        aside.rename(self.project / f"epochs-{trial}")

    def said(self, trial: int) -> list[Said]:
        path = self.project / "said"
        rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        said = [Said(int(trial), int(pid), word, int(epoch)) for trial, pid, word, epoch in rows]
        return [each for each in said if each.trial == trial]

    def wait_until_held(self, trial: int, epoch: int) -> None:
        """Until all epochs before this one are trained and saved, and it waits to begin."""
        wait_until(lambda: self._last(trial) == ("waits", epoch), f"trial {trial} to wait for epoch {epoch}")

    def _last(self, trial: int) -> tuple[str, int]:
        said = self.said(trial)
        return (said[-1].word, said[-1].epoch) if said else ("nothing", 0)


@dataclass(frozen=True)
class Preempted:
    swept: Swept
    training: Training
    first_jobs: list[str]
    runs: dict[str, FakeRun]

    def trained(self, trial: int) -> list[int]:
        return [said.epoch for said in self.training.said(trial) if said.word == "trained"]

    def lives(self, trial: int) -> int:
        return len({said.pid for said in self.training.said(trial)})


@pytest.fixture(scope="module")
def wandb() -> Iterator[FakeWandb]:
    server = FakeWandb().start()
    with pytest.MonkeyPatch.context() as patch:
        # What was not uploaded yet when a job is killed is in its files only.
        for key, value in {**server.environment(), "WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "0.5"}.items():
            patch.setenv(key, value)
        yield server
    server.stop()


@pytest.fixture(scope="module")
def preempted(fragile_cluster: SlurmCluster, wandb: FakeWandb, tmp_path_factory: pytest.TempPathFactory) -> Preempted:
    training = Training(tmp_path_factory.mktemp("preempted"))
    script = str(Path(__file__).with_name("held_training.py"))
    options = (*OPTIONS, f"data.dir={training.project}/data")
    with sweep_of(training.project, *options, script=script) as sweep:
        jobs = _preempt_all(fragile_cluster, training, wandb)
        return Preempted(wait_for_sweep(training.project, sweep), training, jobs, wandb.runs)


def _preempt_all(cluster: SlurmCluster, training: Training, wandb: FakeWandb) -> list[str]:
    for trial in (CSV, WANDB):
        training.allow(trial, 2)
    for trial in (CSV, WANDB):
        training.wait_until_held(trial, 2)
    jobs = [job_id(training.project, trial) for trial in (CSV, WANDB)]
    subprocess.run(["scontrol", "requeue", jobs[CSV]], check=True)
    cluster.let_start(jobs[CSV])
    training.allow(CSV, EPOCHS)
    wait_until(lambda: _epochs(wandb.runs) == [0, 1], "two epochs in W&B")
    # Submitit takes the signal that Slurm sends first, and has the job requeued.
    cluster.preempt(jobs[WANDB])
    cluster.let_start(jobs[WANDB])
    training.allow(WANDB, 4)
    training.wait_until_held(WANDB, 4)
    wait_until(lambda: len(_epochs(wandb.runs)) == 4, "four epochs in W&B")
    subprocess.run(["scancel", jobs[WANDB]], check=True)
    wait_until(lambda: rows(training.project, WANDB)[-1]["attempt"] == 2, "another attempt")
    training.allow(WANDB, EPOCHS)
    return jobs


def _epochs(runs: dict[str, FakeRun]) -> list[int]:
    """The epochs in the history of the one run that there is."""
    return [row["epoch"] for run in runs.values() for row in run.history if "val_acc" in row]


def test_requeued_and_preempted_trials_go_on_as_the_same_job(preempted: Preempted) -> None:
    requeued = preempted.swept.last[CSV]
    assert (requeued["status"], requeued["attempt"]) == ("COMPLETED", 1)
    assert requeued["job"]["job_id"] == preempted.first_jobs[CSV]
    # This one was cancelled when it had been preempted already.
    (before,) = preempted.swept.last[WANDB]["earlier"]
    assert (before["reason"], before["job"]["job_id"]) == (
        "CANCELLED by 0, no result written",
        preempted.first_jobs[WANDB],
    )
    assert [preempted.lives(trial) for trial in (CSV, WANDB)] == [2, 3]


def test_a_cancelled_trial_completes_in_another_attempt(preempted: Preempted) -> None:
    trial = preempted.swept.last[WANDB]
    assert (preempted.swept.code, trial["status"], trial["attempt"]) == (0, "COMPLETED", 2), preempted.swept.err


@pytest.mark.parametrize("trial", [CSV, WANDB])
def test_no_epoch_is_trained_twice(preempted: Preempted, trial: int) -> None:
    assert preempted.trained(trial) == list(range(EPOCHS))


@pytest.mark.parametrize("trial", [CSV, WANDB])
def test_every_epoch_is_reported_once(preempted: Preempted, trial: int) -> None:
    reported, _ = measurements.read(preempted.swept.folder / str(trial))
    assert [row.step for row in reported] == list(range(1, EPOCHS + 1))


def test_the_csv_logs_have_every_epoch_once(preempted: Preempted) -> None:
    logs = sorted(preempted.swept.folder.glob(f"{CSV}/csv/version_*/metrics.csv"))
    rows = [row for log in logs for row in csv.DictReader(log.read_text().splitlines())]
    assert len(logs) == 2
    assert [int(row["epoch"]) for row in rows if row["val_acc"]] == list(range(EPOCHS))


def test_wandb_has_one_run_with_every_epoch_that_finished(preempted: Preempted) -> None:
    assert _epochs(preempted.runs) == list(range(EPOCHS))
    (run,) = preempted.runs.values()
    assert (run.state, run.exitcode, run.starts) == ("finished", 0, 3)
