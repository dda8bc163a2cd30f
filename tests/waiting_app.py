"""An application whose trials begin, say so, and wait until the test lets them end."""

from pathlib import Path

from sweeping import NEAR_AND_FAR, write_app
from waiting import wait_until

APP = """
import os
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> dict[str, float]:
    project = Path(hydra.utils.get_original_cwd())
    # One write of one line: trials of several processes do not mix.
    begun = os.open(project / "begun", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(begun, f"{HydraConfig.get().job.num}\\n".encode())
    until = time.monotonic() + 300  # a test that fails lets nobody end
    while not (project / "go").exists() and time.monotonic() < until:
        time.sleep(0.05)
    return {"near": config.x**2, "far": (config.x - 1) ** 2}


if __name__ == "__main__":
    main()
"""
OPTIONS = (
    "hydra/launcher=async_local",
    "+x=interval(0,1)",
    NEAR_AND_FAR,
    "hydra.sweeper.method=sobol",
    "hydra.sweeper.n_jobs=2",
)


def write_waiting_app(project: Path) -> Path:
    return write_app(project, APP)


def begun(project: Path) -> list[int]:
    """The numbers of the trials that have begun, in the order in which they did."""
    path = project / "begun"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def wait_for_trials(project: Path, number: int) -> None:
    wait_until(lambda: len(begun(project)) >= number, f"{number} trials that have begun")


def let_them_end(project: Path) -> None:
    (project / "go").touch()
