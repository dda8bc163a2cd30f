"""The Optimizer protocol: ask for a candidate, tell a finished trial."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ax_moo.trial import Parameterization, Trial


class Method(StrEnum):
    """``hydra.sweeper.method``: how candidates are chosen."""

    AUTO = "auto"
    FAST = "fast"
    SOBOL = "sobol"
    RANDOM = "random"
    GRID = "grid"

    @property
    def has_model(self) -> bool:
        return self in (Method.AUTO, Method.FAST)


class Lookahead(StrEnum):
    """``hydra.sweeper.lookahead``: how many candidates are prepared before a slot is free for them."""

    AUTO = "auto"
    NONE = "0"
    ONE = "1"


MODEL_NODE = "MBM"
"""Ax's name for the node whose candidates come from the model; those of all others depend on no result."""


def is_after_the_design(trial: Trial) -> bool:
    """Whether the model has proposed the trial, or was to propose it and failed."""
    return trial.generation_node == MODEL_NODE or trial.model_failed is not None


class SearchSpaceExhausted(Exception):
    """Every point of the search space has been tried."""


@dataclass(frozen=True)
class Candidate:
    """The optimizer's proposal for a trial.

    ``arm`` is given if Ax's coordinates cannot be computed exactly from the parameterization. ``seconds`` is how long
    the optimizer took, and ``knows`` the number of finished trials that it was told of before. ``model_failed`` says
    why the model has not proposed it.
    """

    parameterization: Parameterization
    generation_node: str
    arm: Parameterization | None = None
    seconds: float | None = None
    knows: int | None = None
    model_failed: str | None = None


def proposed(index: int, candidate: Candidate) -> Trial:
    """The trial that a candidate becomes."""
    return Trial(
        index,
        candidate.parameterization,
        generation_node=candidate.generation_node,
        model_failed=candidate.model_failed,
        arm=candidate.arm,
    )


class Optimizer(Protocol):
    """An optimizer that one thread owns."""

    def ask(self, index: int) -> Candidate | None:
        """A candidate for the trial of this number; None means to ask again when another trial has finished.

        Raises:
            SearchSpaceExhausted: every point has been tried.
        """
        ...

    def tell(self, trial: Trial) -> None:
        """Tell the optimizer about a finished trial; to tell it twice is harmless."""
        ...

    def accept(self, trial: Trial) -> None:
        """Take note of a trial that was proposed elsewhere, as if it had been asked for."""
        ...
