"""The server of the tests, as wandb's own client sees it."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from wandb_server import FakeWandb, Fault, provide_wandb_server  # noqa: F401

pytestmark = pytest.mark.hydra_free

RUN = """
import wandb
run = wandb.init(project="search", id="one", name="first", group="sweep", job_type="trial", tags=["a", "b"],
                 config={"model": {"width": 16}}, resume="allow", settings={"console": "off", "silent": True})
for step in range(3):
    run.log({"val_acc": step / 10})
run.summary["num_params"] = 7
"""


def run_client(server: FakeWandb, folder: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_server_knows_what_an_online_run_told_it(wandb_server: FakeWandb, tmp_path: Path) -> None:
    run_client(wandb_server, tmp_path, RUN + "run.finish(exit_code=3)")
    run = wandb_server.runs["one"]
    assert (run.entity, run.project, run.display_name) == ("team", "search", "first")
    assert (run.group, run.job_type, run.tags) == ("sweep", "trial", ["a", "b"])
    assert run.config["model"] == {"width": 16}
    assert (run.summary["val_acc"], run.summary["num_params"]) == (0.2, 7)
    assert [row["val_acc"] for row in run.history] == [0.0, 0.1, 0.2]
    assert (run.state, run.exitcode) == ("failed", 3)


def test_a_resumed_run_goes_on_where_it_was(wandb_server: FakeWandb, tmp_path: Path) -> None:
    for _ in range(2):
        run_client(wandb_server, tmp_path, RUN + "run.finish()")
    (run,) = wandb_server.runs.values()
    assert run.starts == 2
    assert [row["_step"] for row in run.history] == [0, 1, 2, 3, 4, 5]


def test_wandb_sync_uploads_an_offline_run(wandb_server: FakeWandb, tmp_path: Path) -> None:
    run_client(wandb_server, tmp_path, "import os; os.environ['WANDB_MODE'] = 'offline'" + RUN + "run.finish()")
    assert not wandb_server.runs
    sync = "import sys; sys.argv[1:] = ['sync', '--yes', 'wandb']; from wandb.cli.cli import cli; cli()"
    run_client(wandb_server, tmp_path, sync)
    run = wandb_server.runs["one"]
    assert (run.group, run.state, run.summary["num_params"]) == ("sweep", "finished", 7)


def test_the_public_api_finds_the_runs_of_a_group(wandb_server: FakeWandb, tmp_path: Path) -> None:
    run_client(wandb_server, tmp_path, RUN + "run.finish()\n" + RUN.replace("sweep", "other").replace("one", "two"))
    query = """
import json, wandb
runs = wandb.Api().runs("team/search", filters={"group": "sweep"}, lazy=False)
print(json.dumps([[run.id, run.state, run.config["model"], run.summary["num_params"],
                   [row["val_acc"] for row in run.scan_history()]] for run in runs]))
"""
    found = json.loads(run_client(wandb_server, tmp_path, query))
    assert found == [["one", "finished", {"width": 16}, 7, [0.0, 0.1, 0.2]]]


def test_a_table_arrives_as_an_artifact(wandb_server: FakeWandb, tmp_path: Path) -> None:
    table = 'run.log({"front": wandb.Table(columns=["trial"], data=[[1]])}); run.finish()'
    run_client(wandb_server, tmp_path, RUN + table)
    (artifact,) = wandb_server.backend.artifacts.values()
    assert artifact["state"] == "COMMITTED"
    assert json.loads(artifact["files"]["front.table.json"])["data"] == [[1]]


def test_an_external_run_can_join_a_sweep(wandb_server: FakeWandb, tmp_path: Path) -> None:
    sweep = "import wandb; print(wandb.sweep({'method': 'custom', 'parameters': {}}, project='search'))"
    printed = run_client(wandb_server, tmp_path, sweep)
    (name,) = wandb_server.backend.sweeps
    assert printed.split()[-1] == name


def ask(server: FakeWandb, query: str) -> int:
    body = json.dumps({"query": query}).encode()
    with urllib.request.urlopen(server.url + "/graphql", data=body, timeout=2) as response:
        return int(response.status)


@pytest.mark.parametrize(
    ("fault", "symptom"),
    [("refuse", "Connection refused"), ("silent", "timed out"), ("500", "HTTP Error 500"), ("429", "HTTP Error 429")],
)
def test_the_server_fails_on_request_and_recovers(wandb_server: FakeWandb, fault: Fault, symptom: str) -> None:
    wandb_server.fault = fault
    with pytest.raises(OSError, match=symptom):
        ask(wandb_server, "{ viewer { id } }")
    wandb_server.fault = None
    assert ask(wandb_server, "{ viewer { id } }") == 200


def test_a_question_the_server_cannot_answer_is_an_error(wandb_server: FakeWandb) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400") as raised:
        ask(wandb_server, "{ weather { today } }")
    raised.value.close()
