"""`ax-moo wandb pull`: a group of W&B becomes a sweep folder that is as good as the local one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from ax_moo_command import Ended, ax_moo
from wandb_group import CURVE, log_group, make_sweep
from wandb_server import FakeWandb, running_server

import ax_moo as api
from ax_moo import measurements

pytestmark = pytest.mark.hydra_free


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeWandb]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def local(server: FakeWandb, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep folder whose sweep is the group ``first`` in W&B."""
    folder = make_sweep(tmp_path_factory.mktemp("local") / "s")
    log_group(server, folder, "first")
    return folder


def pull(server: FakeWandb, folder: Path, *arguments: str) -> Ended:
    return ax_moo("wandb", "pull", *arguments, cwd=folder, environment=server.environment())


def test_a_pulled_sweep_is_the_local_one(server: FakeWandb, local: Path, tmp_path: Path) -> None:
    ended = pull(server, tmp_path, "search", "first")
    assert ended.code == 0, ended.err
    pulled = tmp_path / "wandb-first"
    pd.testing.assert_frame_equal(api.load(pulled).trials, api.load(local).trials)
    assert api.load(pulled).problem == api.load(local).problem
    assert "Pareto frontier" in ended.out
    assert str(pulled) in ended.out
    assert (pulled / "trials.csv").exists()
    assert (pulled / "optimization_results.yaml").exists()


def test_its_curves_come_with_it(server: FakeWandb, local: Path, tmp_path: Path) -> None:
    assert pull(server, tmp_path, "team/search", "first", "-o", "here").code == 0
    folders = [tmp_path / "here" / str(trial) for trial in range(4)]
    curves = [[(row.step, row.metrics) for row in measurements.read(folder)[0]] for folder in folders]
    assert curves[0] == [(step, {"f": value}) for step, value in enumerate(CURVE, start=1)]
    assert curves == [
        [(row.step, row.metrics) for row in measurements.read(local / str(trial))[0]] for trial in range(4)
    ]
