"""Warm trials of whole sweeps, under this project's sweeper and under another one, also with a stock launcher."""

import os
from pathlib import Path

import psutil
import pytest
from command_line import command_line
from sweeping import run_sweep, write_app
from waiting import wait_until_none_is_left

APP = """
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    is_warm = "ax_moo_launchers.local.controller" in sys.modules
    Path(hydra.utils.get_original_cwd(), f"warm-{HydraConfig.get().job.num}").write_text(str(is_warm))
    return float(config.x)


if __name__ == "__main__":
    main()
"""


def left_in(folder: Path) -> list[str]:
    """The processes whose working directory is the folder or inside of it."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline", "status"]):
        is_there = Path(process.info["cwd"] or "/").is_relative_to(folder)
        if is_there and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(process.info["cmdline"] or ()))
    return found


def warm_ones(project: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in project.glob("warm-*") if path.read_text() == "True")


@pytest.mark.parametrize("launcher", ["async_local", "submitit_local"])
def test_trials_are_warm_after_the_first_and_nothing_is_left(
    launcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = (f"hydra/launcher={launcher}", "+x=interval(0,1)", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=1")
    swept = run_sweep(write_app(tmp_path, APP), *options, "hydra.sweeper.method=sobol")
    assert swept.code == 0, swept.err
    assert [row["status"] for row in swept.last] == ["COMPLETED"] * 4
    assert warm_ones(tmp_path) == [1, 2, 3]
    wait_until_none_is_left(lambda: left_in(tmp_path), seconds=10)


def test_trials_under_another_sweeper_are_warm_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = write_app(tmp_path, APP)
    options = ("-m", "hydra/launcher=async_local", "hydra.launcher.max_parallel=1", "+x=1,2,3")
    ended = command_line().start(project, *options, app=project / "app.py", environment=os.environ).end()
    assert ended.code == 0, ended.stderr
    assert warm_ones(tmp_path) == [1, 2]
    wait_until_none_is_left(lambda: left_in(tmp_path), seconds=10)
