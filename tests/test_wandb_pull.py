"""`ax-moo wandb pull`: a group of W&B becomes a sweep folder that is as good as the local one."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from command_line import Ended, command_line
from wandb_command import ax_moo_wandb
from wandb_group import CURVE, TRIALS, log_group, make_sweep
from wandb_server import FakeWandb, provide_server, running_server  # noqa: F401

import ax_moo as api
from ax_moo import measurements
from ax_moo.cli.resume import resume
from ax_moo.cli.stop import stop
from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.one_hydra

RUN = "s-0a1b2c3d"


@pytest.fixture(scope="module")
def local(server: FakeWandb, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep folder whose sweep is the group ``first`` in W&B, but for one line that is not the last of its trial."""
    folder = make_sweep(tmp_path_factory.mktemp("local") / "s")
    log_group(server, folder, "first", RUN, without=[3])
    return folder


@pytest.fixture(scope="module")
def pulled(server: FakeWandb, local: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """What the command said of the folder ``wandb-first``, into which it pulled; with the report."""
    ended = ax_moo_wandb(server, local.parent, "pull", "search", "first")
    assert ended.code == 0, ended.stderr
    return ended


def pull(server: FakeWandb, folder: Path, *arguments: str, **environment: str) -> Ended:
    return ax_moo_wandb(server, folder, "pull", "--no-report", *arguments, **environment)


def add_run(server: FakeWandb, like: str, run_id: str, group: str) -> None:
    """One more run on the server, as if its client had ended long ago."""
    server.runs[run_id] = dataclasses.replace(server.runs[like], id=run_id, group=group)


def curves(folder: Path) -> list[list[tuple[int, dict[str, float]]]]:
    trials = [folder / str(trial) for trial in range(4)]
    return [[(row.step, row.metrics) for row in measurements.read(trial)[0]] for trial in trials]


def test_a_pulled_sweep_is_the_local_one(local: Path, pulled: Ended) -> None:
    copy = local.parent / "wandb-first"
    pd.testing.assert_frame_equal(api.load(copy).trials, api.load(local).trials)
    pd.testing.assert_frame_equal(api.load(copy).hypervolume, api.load(local).hypervolume)
    assert api.load(copy).problem == api.load(local).problem
    assert curves(copy) == curves(local)
    assert [len(curve) for curve in curves(copy)] == [len(CURVE) if trial in TRIALS else 0 for trial in range(4)]


def test_pull_says_what_it_has_found(local: Path, pulled: Ended) -> None:
    copy = local.parent / "wandb-first"
    assert "Pareto frontier" in pulled.stdout
    assert "does not have the lines 3 of the sweep's journal" in pulled.stdout
    assert f"the sweep {RUN}-sweep is in {copy}, with curves of {len(TRIALS)} trials" in pulled.stdout
    assert str(copy / "report.html") in pulled.stdout
    for file in ("trials.csv", "optimization_results.yaml", "report.html"):
        assert (copy / file).exists()
    assert "ax-moo resume" not in (copy / "report.html").read_text()


def test_a_sweep_that_is_pulled_again_is_refreshed(server: FakeWandb, local: Path, pulled: Ended) -> None:
    copy = local.parent / "wandb-first"
    (copy / "trials.csv").write_text("old")
    assert pull(server, local.parent, "team/search", "first").code == 0
    assert len(pd.read_csv(copy / "trials.csv")) == 4


def test_of_two_sweeps_in_a_group_one_is_chosen(server: FakeWandb, local: Path, tmp_path: Path) -> None:
    for run_id in ("s-11111111-sweep", "s-22222222-sweep"):
        add_run(server, f"{RUN}-sweep", run_id, "twice")
    add_run(server, f"{RUN}-0", "s-22222222-0", "twice")
    refused = pull(server, tmp_path, "search", "twice")
    assert refused.code == 2
    assert "s-11111111-sweep" in refused.stderr
    assert "s-22222222-sweep" in refused.stderr
    assert "--run ID" in refused.stderr
    chosen = [pull(server, tmp_path, "search", "twice", "--run", f"s-{n * 8}-sweep", "-o", n) for n in "12"]
    assert [ended.code for ended in chosen] == [0, 0]
    assert not (tmp_path / "1/0/metrics.jsonl").exists()
    assert (tmp_path / "2/0/metrics.jsonl").exists()


def test_several_groups_get_a_folder_each_and_are_compared(server: FakeWandb, local: Path, tmp_path: Path) -> None:
    add_run(server, f"{RUN}-sweep", "s-33333333-sweep", "a/b")
    ended = pull(server, tmp_path, "search", "first", "a/b", "-o", "both")
    assert ended.code == 0, ended.stderr
    assert [len(api.load(tmp_path / "both" / name).trials) for name in ("first", "a-b")] == [4, 4]
    assert "hypervolume above the thresholds" in ended.stdout
    assert not (tmp_path / "both/first/report.html").exists()


def test_what_did_not_come_from_wandb_is_never_overwritten(server: FakeWandb, local: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/text").touch()
    before = (local / "sweep.jsonl").read_bytes()
    add_run(server, f"{RUN}-sweep", "s-44444444-sweep", "second")
    for folder, group, said in (
        (local, "first", "holds a sweep that did not come from W&B"),
        (tmp_path / "notes", "first", "holds files that did not come from W&B"),
        (local.parent / "wandb-first", "second", "holds another sweep, pulled from team/search, group first"),
    ):
        refused = pull(server, tmp_path, "search", group, "-o", str(folder))
        assert (refused.code, said in refused.stderr) == (2, True), refused.stderr
    assert (local / "sweep.jsonl").read_bytes() == before
    assert [file.name for file in (tmp_path / "notes").iterdir()] == ["text"]


def test_a_group_that_holds_no_sweep_is_refused(server: FakeWandb, local: Path, tmp_path: Path) -> None:
    add_run(server, f"{RUN}-0", "alone", "plain")
    refused = pull(server, tmp_path, "search", "plain")
    assert (refused.code, refused.stdout) == (2, "")
    assert "alone" in refused.stderr
    assert "hydra.sweeper.wandb.enabled=true" in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("search", "nope"), {}, "nope has no run in the project team/search; the project's latest groups are"),
        (("nope", "first"), {}, "Could not find project nope"),
        (
            ("team/search", "first", "--entity", "other"),
            {},
            "--entity must be team, the entity of the project team/search, got other",
        ),
        (("search", "first"), {"WANDB_API_KEY": ""}, "No API key configured"),
        (("search", "first"), {"WANDB_BASE_URL": "http://127.0.0.1:9"}, "connection refused"),
    ],
)
def test_a_mistake_is_one_sentence(
    server: FakeWandb, local: Path, tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    ended = pull(server, tmp_path, *arguments, **environment)
    assert (ended.code, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1), ended.stderr
    assert said in ended.stderr


def test_a_server_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    with running_server() as silent:
        silent.fault = "silent"
        ended = pull(silent, tmp_path, "search", "first", WANDB_HTTP_TIMEOUT="1")
    assert ended.code == 2
    assert "W&B" in ended.stderr
    assert "Traceback" not in ended.stderr


BUSY = """
import psutil
from ax_moo.system.errors import ConfigError
from ax_moo.wandb.project import open_api

try:
    with open_api():
        [service] = [child for child in psutil.Process().children() if child.name() == "wandb-core"]
        service.suspend()
        raise TimeoutError("it is busy")
except ConfigError as error:
    print(error)
"""


def test_a_service_that_does_not_answer_any_more_is_not_waited_for(server: FakeWandb, tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    ended = command_line("wandb").run(tmp_path, app=Path("busy.py"), environment=server.environment())
    assert (ended.code, ended.stdout) == (0, "W&B: it is busy\n"), ended.stderr


@pytest.mark.parametrize("act", [lambda copy: stop(copy, False), lambda copy: stop(copy, True), resume])
def test_a_copy_is_not_acted_on(local: Path, pulled: Ended, act: Callable[[Path], None]) -> None:
    with pytest.raises(ConfigError, match="is a copy of a sweep in W&B"):
        act(local.parent / "wandb-first")
