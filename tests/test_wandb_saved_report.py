"""`ax-moo wandb report`: a Report that wandb-workspaces saves on the server."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import Ended
from fakes import TWO_OBJECTIVES, problem
from wandb_backend import FakeRun
from wandb_command import ax_moo_wandb
from wandb_server import FakeWandb, running_server

from ax_moo.problem.problem import Problem
from ax_moo.wandb.saved_report import save_report

pytestmark = pytest.mark.one_hydra

SPACE = ("model.width=tag(log, int(interval(16, 128)))", "opt=choice(adam, sgd)")
TWO = problem(*SPACE, objectives=TWO_OBJECTIVES)
ONE = problem(*SPACE, objectives={"loss": {"direction": "minimize"}})
AWKWARD = 'a=b <it\'s> "ü"'


@pytest.fixture(scope="module")
def server() -> Iterator[FakeWandb]:
    with running_server() as server:
        for group, swept in (("two", TWO), ("one", ONE), (AWKWARD, TWO)):
            add_sweep(server, f"s-{len(server.runs)}", group, swept)
        yield server


def add_sweep(server: FakeWandb, run_id: str, group: str, swept: Problem) -> None:
    """The sweep's run as the server knows it once it has ended."""
    header = json.dumps({"format": 1, "problem": swept.to_dict(), "time": 1.0})
    config = {"ax_moo": {"value": {"header": header}}}
    server.runs[run_id] = FakeRun(
        run_id, "team", "search", group=group, job_type="sweep", config_record=config, state="finished"
    )
    server.backend.projects.add(("team", "search"))


def report(server: FakeWandb, folder: Path, *arguments: str) -> Ended:
    return ax_moo_wandb(server, folder, "report", *arguments)


def grids(server: FakeWandb) -> list[dict[str, Any]]:
    """The panel grids of the Report that was saved last."""
    spec = json.loads(server.backend.views[-1]["spec"])
    return [block["metadata"] for block in spec["blocks"] if block["type"] == "panel-grid"]


def panels(grid: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {panel["viewType"]: panel["config"] for panel in grid["panelBankSectionConfig"]["panels"]}


def test_a_report_has_four_panels_over_the_sweeps_runs(server: FakeWandb, tmp_path: Path) -> None:
    ended = report(server, tmp_path, "search", "two", "--title", "What was found")
    assert ended.code == 0, ended.stderr
    view = server.backend.views[-1]
    assert ended.stdout.strip() == f"{server.url}/team/search/reports/What-was-found--{view['id']}"
    assert (view["displayName"], view["type"]) == ("What was found", "runs")
    trials, sweep = map(panels, grids(server))
    scatter, lines = trials["Scatter Plot"], trials["Parallel Coordinates Plot"]
    assert (scatter["yAxis"], scatter["xAxis"]) == ("summary:f", "summary:g")
    axes = [column["accessor"] for column in lines["columns"]]
    assert axes == ["config:model.value.width", "config:opt.value", "summary:f", "summary:g"]
    assert [column.get("log") for column in lines["columns"]][:2] == [True, False]
    assert trials["Parameter Importance"]["targetKey"] == "f"
    assert "pareto_frontier" in json.dumps(sweep["Weave"])


@pytest.mark.parametrize("group", ["two", AWKWARD])
def test_its_runs_are_those_of_the_group(server: FakeWandb, tmp_path: Path, group: str) -> None:
    assert report(server, tmp_path, "team/search", group).code == 0
    wanted = [[("group", group), ("jobType", job_type)] for job_type in ("trial", "sweep")]
    assert [filtered_by(grid["runSets"][0]["filters"]) for grid in grids(server)] == wanted


def filtered_by(filters: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in filters.get("filters") or ():
        found += filtered_by(each)
        if each.get("key"):
            found.append((each["key"]["name"], each["value"]))
    return found


def test_one_objective_is_drawn_against_the_trials(server: FakeWandb, tmp_path: Path) -> None:
    assert report(server, tmp_path, "search", "one").code == 0
    scatter = panels(grids(server)[0])["Scatter Plot"]
    assert (scatter["yAxis"], scatter["xAxis"]) == ("summary:loss", "config:trial.value")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("search", "nope"), "the group nope has no run in"), (("nope", "two"), "Could not find project nope")],
)
def test_a_mistake_is_one_sentence(server: FakeWandb, tmp_path: Path, arguments: tuple[str, str], said: str) -> None:
    ended = report(server, tmp_path, *arguments)
    assert (ended.code, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1), ended.stderr
    assert said in ended.stderr


def test_without_wandb_workspaces_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from ax_moo.system.errors import ConfigError
    from ax_moo.wandb.project import Project

    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    with pytest.raises(ConfigError, match=r"pip install 'hydra-ax-moo\[wandb\]'"):
        save_report(Project(None, "team/search"), "two", None)
