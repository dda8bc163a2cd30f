"""Asynchronous multi-objective search from Hydra with Ax."""

import importlib
from types import ModuleType

from ax_moo.measurements import report, should_stop

__all__ = ["lightning", "report", "should_stop"]


def __getattr__(name: str) -> ModuleType:
    """``ax_moo.lightning``, which imports Lightning, when it is first used."""
    if name == "lightning":
        return importlib.import_module("ax_moo.lightning")
    raise AttributeError(f"module 'ax_moo' has no attribute {name!r}")
