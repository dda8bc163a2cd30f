"""The sweep in Weights & Biases: its own run, those of its trainings, and what is read from and written to a project.

What applications use is imported when it is first asked for: W&B, Lightning and Hydra are not needed to import this.
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
