"""What a training is called in W&B, and where its data lie."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ax_moo.system.redaction import HIDDEN, override_without_secrets
from ax_moo.wandb.names import trial_run_id


@dataclass(frozen=True)
class RunIdentity:
    """``id`` is None where W&B is to make one up; W&B adds the folder ``wandb`` to ``folder``."""

    folder: Path
    id: str | None = None
    name: str | None = None
    group: str | None = None
    job_type: str = "training"
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: DictConfig) -> "RunIdentity":
        options = config.logger
        if not HydraConfig.initialized():
            return cls(Path.cwd(), name=options.name, group=options.group)
        hydra = HydraConfig.get()
        if hydra.mode != RunMode.MULTIRUN:
            return cls(Path(hydra.runtime.output_dir), name=options.name, group=options.group)
        folder = Path(os.path.abspath(os.path.join(hydra.runtime.cwd, hydra.sweep.dir)))
        sweep = str(OmegaConf.select(config, "sweep_name") or folder.name)
        trial = int(hydra.job.num)
        return cls(
            folder,
            id=trial_run_id(sweep, folder, trial),
            name=f"{sweep}-{trial}",
            group=options.group or sweep,
            job_type="trial",
            config={"trial": trial, "overrides": [without_secrets(each) for each in hydra.overrides.task]},
        )


def without_secrets(override: str) -> str:
    """The override without what W&B is not to be told: settings of its client may be anything, an API key too."""
    key, assigned, _ = override.partition("=")
    is_setting = assigned and re.fullmatch(r"\+{0,2}logger\.settings(\..*)?", key)
    return f"{key}={HIDDEN}" if is_setting else override_without_secrets(override)
