"""Hydra sweeper for asynchronous multi-objective search with Ax; these functions are for applications and notebooks."""

import importlib
from typing import TYPE_CHECKING, Any

from ax_moo.measurements import report, should_stop

if TYPE_CHECKING:
    from ax_moo.results.notebook import load

__all__ = ["lightning", "load", "report", "should_stop"]


def __getattr__(name: str) -> Any:
    """Import ``ax_moo.lightning`` and ``ax_moo.load`` when they are first used: they need Lightning and pandas."""
    if name == "lightning":
        return importlib.import_module("ax_moo.lightning")
    if name == "load":
        return importlib.import_module("ax_moo.results.notebook").load
    raise AttributeError(f"module 'ax_moo' has no attribute {name!r}")
