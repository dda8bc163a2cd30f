"""What the sweep and an optimizer say to each other."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ax_moo.trial import Parameterization, Trial


class Method(StrEnum):
    """``hydra.sweeper.method``: where candidates come from."""

    AUTO = "auto"
    FAST = "fast"
    SOBOL = "sobol"
    RANDOM = "random"
    GRID = "grid"

    @property
    def has_model(self) -> bool:
        return self in (Method.AUTO, Method.FAST)


class SearchSpaceExhausted(Exception):
    """There is no candidate left that has not been tried."""


@dataclass(frozen=True)
class Candidate:
    """A proposal; ``arm`` is given where Ax's coordinates cannot be had back exactly from the parameterization.

    ``seconds`` is how long it took the optimizer.
    """

    parameterization: Parameterization
    generation_node: str
    arm: Parameterization | None = None
    seconds: float | None = None


class Optimizer(Protocol):
    """An optimizer; one thread owns it."""

    def ask(self, index: int) -> Candidate | None:
        """A candidate for the trial of this number; None: ask again when another trial has finished.

        Raises:
            SearchSpaceExhausted: when nothing untried is left.
        """
        ...

    def tell(self, trial: Trial) -> None:
        """Make a finished trial known; a second time is harmless."""
        ...
