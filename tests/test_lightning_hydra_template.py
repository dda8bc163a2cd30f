"""lightning-hydra-template as its users have it: `ax-moo migrate` converts its search, and nothing else is changed.

Under Hydra 1.4 the template itself cannot train: its models lose the hyperparameters that they save.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from ax_moo_command import AX_MOO, ax_moo
from command_line import Started, command_line
from waiting import wait_until
from wandb_command import ax_moo_wandb
from wandb_server import FakeWandb, running_server

from ax_moo.storage import journal, stop_request
from ax_moo.trial import Trial, TrialStatus
from ax_moo.wandb.settings import sweep_run_id, trial_run_id
from ax_moo.wandb.sync import run_files

pytestmark = pytest.mark.one_hydra

FOREIGN = Path(__file__).parent / "foreign"
SHORT = (
    "hydra/launcher=async_local",
    *("hydra.sweeper.n_trials=2", "hydra.sweeper.n_initial=2", "hydra.sweeper.report=false"),
    *("trainer.max_epochs=1", "+trainer.limit_train_batches=1", "+trainer.limit_val_batches=1"),
    "data.train_val_test_split=[100,50,50]",
    "test=false",  # its checkpoints are older than torch 2.6
)


@dataclass(frozen=True)
class Template:
    """A copy of the template in which a search was stopped at its first trial, and then resumed."""

    root: Path
    server: FakeWandb

    @property
    def folder(self) -> Path:
        (found,) = (self.root / "logs/train/multiruns").iterdir()
        return found

    @property
    def name(self) -> str:
        return self.folder.name

    def start(self, *arguments: str) -> Started:
        """``python src/train.py`` in a fork that has imported Lightning: a resumed search and its trials begin cold."""
        forks = command_line("lightning.pytorch", "wandb")
        return forks.start(self.root, *arguments, app=Path("src/train.py"), environment=self.environment)

    @property
    def environment(self) -> dict[str, str]:
        changed = {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", "XDG_CACHE_HOME": str(self.root / "cache")}
        path = os.pathsep.join(filter(None, [str(FOREIGN / "stand_ins"), os.environ.get("PYTHONPATH")]))
        return {**self.server.environment(), **changed, "PYTHONPATH": path}

    def trials(self) -> list[Trial]:
        return journal.trials(self.folder) if list(self.root.glob("logs/train/multiruns/*/sweep.jsonl")) else []


@pytest.fixture(name="template", scope="module")
def a_search_that_was_stopped_and_resumed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    root = tmp_path_factory.mktemp("copied") / "my project"
    shutil.copytree(FOREIGN / "lightning_hydra_template", root)
    search = root / "configs/hparams_search"
    migrated = ax_moo("migrate", search / "mnist_optuna.yaml", "-o", search / "mnist_ax.yaml")
    assert migrated.code == 0, migrated.err
    with running_server() as server:
        template = Template(root, server)
        sweep = template.start("hparams_search=mnist_ax", "logger=wandb", *SHORT)
        wait_until(lambda: any(trial.status is TrialStatus.RUNNING for trial in template.trials()), "the first trial")
        stop_request.ask(template.folder, stop_request.StopRequest.FINISH)
        assert (sweep.wait(240), len(template.trials())) == (130, 1), sweep.end().stderr
        resume = [AX_MOO, "resume", template.folder]
        subprocess.run(resume, cwd=root, env=template.environment, capture_output=True, timeout=240, check=True)
        yield template


def test_the_search_completes_over_a_resume_in_the_folder_whose_name_has_the_time(template: Template) -> None:
    assert [trial.status for trial in template.trials()] == [TrialStatus.COMPLETED] * 2
    (first, second) = (template.folder / str(number) / "train.log" for number in range(2))
    assert first.exists()
    assert second.exists()


def test_its_runs_of_wandb_are_kept_offline_under_the_trials_ids_and_belong_together_once_they_are_synced(
    template: Template, tmp_path: Path
) -> None:
    ids = [trial_run_id(template.name, template.folder, number) for number in range(2)]
    own = sweep_run_id(template.name, template.folder)
    assert not template.server.runs
    assert {path.stem.removeprefix("run-") for path in run_files(template.folder)} == {own, *ids}
    synced = ax_moo_wandb(template.server, tmp_path, "sync", str(template.folder))
    assert synced.code == 0, synced.stdout + synced.stderr
    runs = [template.server.runs[run_id] for run_id in ids]
    assert {run.project for run in template.server.runs.values()} == {"lightning-hydra-template"}
    assert {run.group for run in template.server.runs.values()} == {template.name}
    assert [run.display_name for run in runs] == [f"{template.name}-{number}" for number in range(2)]
    assert [(run.job_type, run.config["trial"]) for run in runs] == [("trial", 0), ("trial", 1)]
    frontier = yaml.safe_load((template.folder / "optimization_results.yaml").read_text())["solutions"]
    assert [number for number, run in enumerate(runs) if "pareto" in run.tags] == [each["trial"] for each in frontier]
    pulled = ax_moo_wandb(
        template.server, tmp_path, "pull", runs[0].project, template.name, "-o", "copy", "--no-report"
    )
    assert pulled.code == 0, pulled.stderr
    assert (tmp_path / "copy/trials.csv").read_text() == (template.folder / "trials.csv").read_text()


def test_the_best_trial_is_trained_again_by_the_line_that_is_printed(template: Template) -> None:
    line = shlex.split(ax_moo("export", template.folder, "--best", cwd=template.root).out)
    trial = yaml.safe_load((template.folder / "optimization_results.yaml").read_text())["solutions"][0]["trial"]
    assert line[:2] == [sys.executable, "src/train.py"]
    shown = template.start(*line[2:], "--cfg", "job").end()
    assert shown.code == 0, shown.stderr
    composed = yaml.safe_load(shown.stdout)
    assert composed == yaml.safe_load((template.folder / str(trial) / ".hydra/config.yaml").read_text())
