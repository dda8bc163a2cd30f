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
run.finish(exit_code=3)
"""


def test_the_server_knows_what_an_online_run_told_it(wandb_server: FakeWandb, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN]
    subprocess.run(command, cwd=tmp_path, env=wandb_server.environment(), timeout=120, check=True)
    run = wandb_server.runs["one"]
    assert (run.entity, run.project, run.display_name) == ("team", "search", "first")
    assert (run.group, run.job_type, run.tags) == ("sweep", "trial", ["a", "b"])
    assert run.config["model"] == {"width": 16}
    assert (run.summary["val_acc"], run.summary["num_params"]) == (0.2, 7)
    assert [row["val_acc"] for row in run.history] == [0.0, 0.1, 0.2]
    assert (run.state, run.exitcode) == ("failed", 3)


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
