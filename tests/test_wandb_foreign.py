"""Other people's applications in a sweep: their W&B runs belong to it, though they know nothing of it."""

import json
from pathlib import Path

import pytest
import yaml
from command_line import SWEEPER, command_line
from sweeping import SWEEP_DIR, Swept, sweep_command, wait_for_sweep, write_app
from wandb_backend import FakeRun
from wandb_command import ax_moo_wandb
from wandb_server import FakeWandb, provide_wandb_server  # noqa: F401

from ax_moo.storage import journal
from ax_moo.wandb.settings import sweep_run_id, trial_run_id
from ax_moo.wandb.sync import run_files

pytestmark = pytest.mark.one_hydra

APP = """
import os
import sys
from pathlib import Path

import hydra
import wandb
from hydra.core.hydra_config import HydraConfig

ARGUMENTS = {
    "bare": {},
    "blank": {"name": None, "id": None, "group": "", "job_type": "", "tags": [], "resume": "allow"},
    "named": {"name": "mine", "group": "theirs", "job_type": "fit"},
    "dies": {},
    "leaves": {},
}


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    folder = Path(HydraConfig.get().runtime.output_dir)
    run = wandb.init(project="search", settings=wandb.Settings(console="off", silent=True), **ARGUMENTS[config.how])
    run.config["warm"] = "ax_moo_launchers.local.controller" in sys.modules
    run.log({"loss": config.x})
    if config.how == "dies" and not (folder / "died").exists():
        (folder / "died").touch()
        run.finish(exit_code=9)
        os._exit(9)
    if config.how != "leaves":
        run.finish()
    return float(config.x)


if __name__ == "__main__":
    main()
"""
HOW = ("bare", "blank", "named", "dies")
POINTS = [{"x": 0.4 - number / 10, "how": how} for number, how in enumerate(HOW)]
OPTIONS = (
    "+x=interval(0,1)",
    f"+how=choice({','.join(HOW)})",
    f"hydra.sweeper.initial={yaml.safe_dump(POINTS, default_flow_style=True, width=10**6).strip()}",
    *("hydra.sweeper.method=sobol", "hydra.sweeper.n_jobs=1", f"hydra.sweeper.n_trials={len(POINTS)}"),
    *("hydra/launcher=async_local", "hydra.sweeper.wandb.enabled=true", "hydra.sweeper.wandb.project=search"),
)


def swept(project: Path, server: FakeWandb, *options: str, **environment: str) -> Swept:
    given = {option.partition("=")[0] for option in options}
    kept = [option for option in OPTIONS if option.partition("=")[0] not in given]
    _, *arguments = sweep_command(*kept, *options)
    changed = {**server.environment(), "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(project / "cache"), **environment}
    app = write_app(project, APP) / "app.py"
    return wait_for_sweep(project, command_line(*SWEEPER).start(project, *arguments, app=app, environment=changed))


def runs_of(server: FakeWandb, folder: Path) -> list[FakeRun]:
    return [server.runs[trial_run_id(SWEEP_DIR, folder, trial)] for trial in range(len(POINTS))]


def test_every_run_is_found_by_its_trials_id_whatever_its_application_says_of_name_and_group(
    wandb_server: FakeWandb, tmp_path: Path
) -> None:
    ended = swept(tmp_path, wandb_server)
    assert ended.code == 0, ended.err
    assert [(row["status"], row["attempt"]) for row in ended.last] == [("COMPLETED", 1)] * 3 + [("COMPLETED", 2)]
    runs = runs_of(wandb_server, ended.folder)
    own = wandb_server.runs[sweep_run_id(SWEEP_DIR, ended.folder)]
    assert set(wandb_server.runs) == {own.id, *(run.id for run in runs)}
    assert [run.display_name for run in runs] == [f"{SWEEP_DIR}-0", f"{SWEEP_DIR}-1", "mine", f"{SWEEP_DIR}-3"]
    assert [run.group for run in runs] == [SWEEP_DIR, SWEEP_DIR, "theirs", SWEEP_DIR]
    assert [run.job_type for run in runs] == ["trial", "trial", "fit", "trial"]
    assert [run.config["trial"] for run in runs] == [0, 1, 2, 3]
    assert [run.config["warm"] for run in runs] == [False, True, True, True]
    assert (runs[3].starts, [row["loss"] for row in runs[3].history]) == (2, [POINTS[3]["x"]] * 2)
    assert [run.tags for run in runs] == [[], [], [], ["pareto"]]
    pulled = ax_moo_wandb(wandb_server, tmp_path, "pull", "search", SWEEP_DIR, "-o", "copy", "--no-report")
    assert "with curves of 0 trials" in pulled.stdout, pulled.stderr  # their curves are called "loss"
    assert (tmp_path / "copy/trials.csv").read_text() == (ended.folder / "trials.csv").read_text()


def test_trials_in_the_sweepers_own_process_are_a_run_each_also_where_one_leaves_its_run_open(
    wandb_server: FakeWandb, tmp_path: Path
) -> None:
    points = "[{x: 0.1, how: bare}, {x: 0.2, how: leaves}, {x: 0.3, how: bare}]"
    options = ("hydra/launcher=basic", "+how=choice(bare,leaves)", f"hydra.sweeper.initial={points}")
    ended = swept(tmp_path, wandb_server, *options, "hydra.sweeper.n_trials=3")
    assert ended.code == 0, ended.err
    runs = [wandb_server.runs[trial_run_id(SWEEP_DIR, ended.folder, trial)] for trial in range(3)]
    assert [[row["loss"] for row in run.history] for run in runs] == [[0.1], [0.2], [0.3]]
    assert [(run.state, run.exitcode) for run in runs] == [("finished", 0)] * 3


def test_a_sweeps_data_are_found_where_its_application_has_written_them(tmp_path: Path) -> None:
    sweep, others = tmp_path / "logs/sweep", "wandb/offline-run-9-x/run-s-99999999-0.wandb"
    make_sweep(sweep, cwd=str(tmp_path))
    ids = [trial_run_id("s", sweep, trial) for trial in range(3)]
    places = [tmp_path / "wandb", sweep / "wandb", sweep / "2/wandb"]
    for number, (place, run_id) in enumerate(zip(places, ids, strict=True)):
        write(place / f"offline-run-{number}-{run_id}/run-{run_id}.wandb")
    write(tmp_path / others)
    write(sweep / "earlier-2026-01-01_00-00-00" / others)
    assert [path.stem.removeprefix("run-") for path in run_files(sweep)] == ids


def make_sweep(folder: Path, **about: str) -> None:
    folder.mkdir(parents=True)
    begun = {"format": journal.FORMAT, "problem": {}, "time": 1.0, journal.ID: "new", **about}
    (folder / journal.JOURNAL_FILE).write_text(json.dumps(begun) + "\n")


def write(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(8 * b"x")
