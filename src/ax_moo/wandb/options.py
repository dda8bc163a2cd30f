"""What the process that keeps the sweep's W&B run is told when it starts."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.wandb.names import sweep_run_id
from ax_moo.wandb.settings import WandbSettings

INIT_SECONDS = 30.0
FINISH_SECONDS = 60.0
INSTALL = "pip install 'hydra-ax-moo[wandb]'"


@dataclass(frozen=True)
class RunOptions:
    """Plain values, as JSON holds them. ``about`` is for those who read the run's config."""

    folder: str
    id: str
    name: str
    group: str
    project: str | None
    entity: str | None
    mode: str
    init_timeout: float
    finish_timeout: float
    settings: Mapping[str, Any]
    sweep: bool
    about: Mapping[str, Any]

    @classmethod
    def of(cls, settings: WandbSettings, folder: Path, about: Mapping[str, Any]) -> "RunOptions":
        """What the sweeper's config leaves open is as the application's logger has it; names are as the trials'."""
        application = settings.application
        name = application.sweep_name or folder.name
        return cls(
            folder=str(folder),
            id=sweep_run_id(name, folder),
            name=name,
            group=settings.group or application.group or name,
            project=settings.project or application.project,
            entity=settings.entity or application.entity,
            mode=settings.mode if settings.mode != "auto" else application.mode or "auto",
            init_timeout=application.init_timeout or INIT_SECONDS,
            finish_timeout=application.finish_timeout or FINISH_SECONDS,
            settings=dict(application.settings),
            sweep=settings.sweep,
            about=dict(about),
        )

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def check_installed(settings: WandbSettings) -> None:
    """Whether what the sweep was asked for by name can be had.

    Raises:
        ConfigError: wandb is not installed.
    """
    if settings.enabled and not is_installed():
        raise ConfigError(
            f"hydra.sweeper.wandb.enabled: is true, and W&B is not installed here; {INSTALL}, or set it to false"
        )


def is_installed() -> bool:
    """Not by importing it, which takes a second, nor by finding it: W&B's own data folder has the same name."""
    try:
        version("wandb")
    except PackageNotFoundError:
        return False
    return True
