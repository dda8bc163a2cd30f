"""Asynchronous multi-objective search from Hydra with Ax."""

from ax_moo.measurements import report, should_stop

__all__ = ["report", "should_stop"]
