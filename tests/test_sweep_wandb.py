"""Real trainings in a real sweep, with W&B as it should be, and without it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from wandb_server import FakeWandb, provide_wandb_server  # noqa: F401

from ax_moo.storage import journal
from ax_moo.trial import Trial, TrialStatus
from ax_moo.wandb.settings import sweep_run_id, trial_run_id

pytestmark = pytest.mark.one_hydra

TRAIN = Path(__file__).parents[1] / "train.py"
TINY = (
    "experiment=smoke",
    "data.num_train=128",
    "data.num_val=64",
    "trainer.max_epochs=1",
    "model.hidden_size_2=16",
    "model.learning_rate=1e-3",
    "model.dropout=0",
    "data.batch_size=64",
)
NOBODY = "http://127.0.0.1:9"
URL, MODE, WIDTH = "logger.settings.base_url", "logger.mode", "model.hidden_size_1"


def sweep(folder: Path, environment: dict[str, str], *overrides: str) -> list[Trial]:
    """The trials of ``python train.py -m hydra/sweeper=ax_moo logger=wandb ...`` that ran to its end."""
    command = [
        sys.executable,
        str(TRAIN),
        "-m",
        "hydra/sweeper=ax_moo",
        "hydra.sweeper.report=false",
        "sweep_name=s",
        "logger=wandb",
        *TINY,
    ]
    command += ["logger.init_timeout=6", "logger.finish_timeout=4", "hydra.sweeper.method=sobol", *overrides]
    environment = {**environment, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)
    assert ended.returncode == 0, ended.stderr
    trials = journal.trials(folder / "sweeps/s")
    assert [trial.status for trial in trials] == [TrialStatus.COMPLETED] * len(trials), ended.stdout
    return trials


def complaints(folder: Path, trial: Trial) -> list[str]:
    """What a trial's own log says of W&B above the level of information."""
    lines = (folder / f"sweeps/s/{trial.index}/train.log").read_text().splitlines()
    return [line for line in lines if "W&B" in line and ("WARNING" in line or "ERROR" in line)]


def offline_runs(folder: Path) -> set[str]:
    """The ids of the runs that lie in the sweep folder, to be uploaded later."""
    files = (folder / "sweeps/s/wandb").glob("offline-run-*/run-*.wandb")
    return {path.stem.removeprefix("run-") for path in files if path.stat().st_size > 0}


def test_every_trial_completes_whatever_its_wandb_does_and_online_runs_tell_the_trial(
    wandb_server: FakeWandb, tmp_path: Path
) -> None:
    good = wandb_server.url
    points = [(good, "auto", 16), (good, "online", 24), (good, "offline", 24), (NOBODY, "online", 16)]
    initial = [dict(zip((f"+{URL}", MODE, WIDTH), point, strict=True)) for point in points]
    trials = sweep(
        tmp_path,
        wandb_server.environment(),
        f"+{URL}=choice('{good}','{NOBODY}')",
        f"{MODE}=choice(auto,online,offline)",
        f"{WIDTH}=choice(16,24)",
        f"hydra.sweeper.initial={yaml.safe_dump(initial, default_flow_style=True, width=10**6).strip()}",
        f"hydra.sweeper.n_trials={len(points)}",
        "hydra.sweeper.n_jobs=2",
    )
    folder = tmp_path / "sweeps/s"
    ids = [trial_run_id("s", folder, trial.index) for trial in trials]
    online, kept = trials[:2], trials[2:]
    own = wandb_server.runs[sweep_run_id("s", folder)]
    assert (own.group, own.job_type, own.state) == ("s", "sweep", "finished")
    assert set(wandb_server.runs) == {own.id, *ids[:2]}
    for trial in online:
        assert_run_tells(wandb_server, ids[trial.index], trial)
    assert offline_runs(tmp_path) == {ids[trial.index] for trial in kept}
    assert [len(complaints(tmp_path, trial)) for trial in trials] == [0, 0, 0, 1]
    assert "wandb sync" in complaints(tmp_path, trials[3])[0]


def assert_run_tells(server: FakeWandb, run_id: str, trial: Trial) -> None:
    run = server.runs[run_id]
    assert (run.display_name, run.group, run.job_type) == (f"s-{trial.index}", "s", "trial")
    assert (run.state, run.exitcode) == ("finished", 0)
    assert run.config["trial"] == trial.index
    assert run.config["model"]["hidden_size_1"] == trial.parameterization[WIDTH]
    assert run.config["data"]["num_train"] == 128
    assert {name: run.summary[name] for name in ("val_acc", "num_params")} == pytest.approx(trial.outcome)
    assert run.history
