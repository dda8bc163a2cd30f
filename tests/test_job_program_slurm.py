"""A Slurm job is the user's own program, as a local one is; `test_job_program.py` has the cases."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from sweeping import write_app

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm_cluster")]

APP = """
import multiprocessing
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig

sys.path.append("late")
import beside
import random
import only_late

Z = open(__file__)


def square(x):
    return x * x


@hydra.main(version_base=None)
def main(config):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        squares = pool.map(square, [config.x])
    said = (squares, [beside.WHERE, only_late.WHERE], random.__file__)
    Path(HydraConfig.get().runtime.output_dir, "said").write_text(repr(said))


if __name__ == "__main__":
    main()
"""


def test_its_functions_and_modules_are_those_of_the_script(tmp_path: Path) -> None:
    for folder in ("src", "late"):
        write_app(tmp_path, f"WHERE = {folder!r}\n", f"{folder}/beside.py")
        write_app(tmp_path, f"WHERE = {folder!r}\n", f"{folder}/only_{folder}.py")
    write_app(tmp_path, "raise RuntimeError('hides the library')", "late/random.py")
    write_app(tmp_path, "raise RuntimeError('hides the library')", "random.py")
    write_app(tmp_path, APP, "src/app.py")
    command = [sys.executable, "src/app.py", "-m", "hydra/launcher=async_slurm", "hydra.sweep.dir=out", "+x=1,2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    said = [(tmp_path / f"out/{job}/said").read_text() for job in (0, 1)]
    assert said == [repr(([x * x], ["src", "late"], random.__file__)) for x in (1, 2)]
