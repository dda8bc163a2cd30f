"""The application's config as a test wants it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

ROOT = Path(__file__).parents[1]

HYDRA_WARNINGS = (
    "ignore:The version_base parameter is deprecated",
    "ignore:\\s*'hydra/sweeper/ax_moo' is validated against ConfigStore schema",
)
LIGHTNING_WARNINGS = (
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated",
    "ignore:The `srun` command is available",
)


def composed(*overrides: str, **options: Any) -> DictConfig:
    with initialize_config_dir(version_base="1.3", config_dir=str(ROOT / "conf")):
        return compose("config", list(overrides), **options)


@contextmanager
def hydra_job(folder: Path, mode: str = "MULTIRUN", sweeper: str = "ax_moo") -> Iterator[Path]:
    """While this lasts, this process is one that Hydra runs a job in: a trial's, unless told otherwise."""
    overrides = [f"hydra.mode={mode}", f"hydra/sweeper={sweeper}", f"hydra.runtime.output_dir={folder}"]
    overrides += ["hydra/launcher=basic", "hydra.job.num=0", "hydra.job.id=0"]
    singleton = HydraConfig.instance()
    before = singleton.cfg
    singleton.set_config(composed(*overrides, return_hydra_config=True))
    yield folder
    singleton.cfg = before
