"""Constraints on what is measured and on what is proposed, read from one line of text each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ax_moo.trial import Parameterization


@dataclass(frozen=True)
class OutcomeConstraint:
    metric: str
    op: Literal["<=", ">="]
    bound: float

    @property
    def text(self) -> str:
        return f"{self.metric} {self.op} {self.bound:g}"

    @classmethod
    def parse(cls, text: str) -> "OutcomeConstraint":
        raise NotImplementedError


@dataclass(frozen=True)
class ParameterConstraint:
    """The sum of weight times parameter is at most the bound."""

    terms: tuple[tuple[str, float], ...]
    bound: float

    @property
    def text(self) -> str:
        raise NotImplementedError

    @classmethod
    def parse(cls, text: str) -> "ParameterConstraint":
        raise NotImplementedError

    def holds(self, parameterization: Parameterization) -> bool:
        return self.left_side(parameterization) <= self.bound + 1e-9 * max(1.0, abs(self.bound))

    def left_side(self, values: Mapping[str, Any]) -> float:
        return math.fsum(weight * values[name] for name, weight in self.terms)

    def in_log10(self) -> "ParameterConstraint":
        """The same constraint on the log10 of the parameters: ``c1*a <= c2*b``, or a bound on a single one."""
        raise NotImplementedError
