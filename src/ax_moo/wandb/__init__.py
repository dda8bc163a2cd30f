"""Weights & Biases: the run of a sweep, the runs of its trainings, and the commands that read and write a project.

The names for applications are imported on first use, so that this package needs neither W&B nor Lightning nor Hydra.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ax_moo.wandb.run_state import joined_sweep
    from ax_moo.wandb.settings import TrainingRunSettings, trial_run_id
    from ax_moo.wandb.training import summarize, training_run

__all__ = ["TrainingRunSettings", "joined_sweep", "summarize", "training_run", "trial_run_id"]

_MODULES = {
    "TrainingRunSettings": "settings",
    "joined_sweep": "run_state",
    "summarize": "training",
    "training_run": "training",
    "trial_run_id": "settings",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"ax_moo.wandb.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'ax_moo.wandb' has no attribute {name!r}")
