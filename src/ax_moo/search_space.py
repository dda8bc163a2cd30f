"""The search space: Hydra sweep syntax in, one point's overrides out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_moo.errors import ConfigError
from ax_moo.override_grammar import encode
from ax_moo.parameters import Choice, Fixed, Parameter, Range
from ax_moo.spelling import did_you_mean
from ax_moo.trial import Parameterization, ParameterValue

__all__ = ["Choice", "Fixed", "Parameter", "Range", "SearchSpace"]

_KINDS: dict[str, type[Range] | type[Choice] | type[Fixed]] = {"range": Range, "choice": Choice, "fixed": Fixed}


@dataclass(frozen=True)
class SearchSpace:
    """What is searched over, and the plain overrides that every job gets word for word."""

    parameters: tuple[Parameter, ...]
    overrides: tuple[str, ...] = ()

    @classmethod
    def from_config(
        cls, params: Mapping[str, Any], arguments: Sequence[str], config_loader: Any = None
    ) -> "SearchSpace":
        """``params`` is ``hydra.sweeper.params``; ``arguments`` are the raw task overrides, and win over it."""
        raise NotImplementedError

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    def to_overrides(self, parameterization: Parameterization) -> tuple[str, ...]:
        raise NotImplementedError

    def complete(self, point: Mapping[str, Any], where: str) -> dict[str, ParameterValue]:
        raise NotImplementedError

    def contains(self, parameterization: Parameterization) -> bool:
        raise NotImplementedError

    def grid(self) -> Iterator[dict[str, ParameterValue]]:
        raise NotImplementedError

    def grid_size(self) -> int:
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SearchSpace":
        raise NotImplementedError
