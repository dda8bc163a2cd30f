"""The launcher in examples/ is driven by a real sweep, and passes its own tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sweeping import journal_rows, sweep_command, write_app

EXAMPLE = Path(__file__).parents[1] / "examples/launcher"
APP = """
import os

import hydra
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> float:
    print("pid", os.getpid())
    return float(config.x) ** 2


if __name__ == "__main__":
    main()
"""


def _run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    paths = [str(EXAMPLE), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run([sys.executable, *command], cwd=folder, env=environ, capture_output=True, text=True)


@pytest.mark.one_hydra
def test_it_has_sixty_lines_of_code_at_most() -> None:
    lines = (EXAMPLE / "hydra_plugins/example_launcher.py").read_text().splitlines()
    others = ("#", "import ", "from ", '"""')
    assert len([line for line in lines if line.strip() and not line.strip().startswith(others)]) <= 60


@pytest.mark.one_hydra
def test_it_passes_the_suite(tmp_path: Path) -> None:
    options = ("-q", "-p", "no:cacheprovider", "-n", "2", "--basetemp", str(tmp_path / "t"))
    done = _run(EXAMPLE, "-m", "pytest", *options, "test_example_launcher.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_sweep_runs_its_trials_with_it(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    options = ("hydra/launcher=example", "+x=interval(0,1)", "hydra.sweeper.method=sobol")
    done = _run(tmp_path, *sweep_command(*options, "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2"))
    assert done.returncode == 0, done.stderr
    ended = [row for row in journal_rows(tmp_path)[1:] if row["status"] == "COMPLETED"]
    assert sorted(row["trial"] for row in ended) == [0, 1, 2, 3]
    assert {row["job"]["scheduler"] for row in ended} == {"example"}
    assert all("pid" in (tmp_path / "swept" / row["job"]["folder"] / "log").read_text() for row in ended)
