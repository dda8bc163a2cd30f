"""The parameters of a search space: Range, Choice and Fixed, each of which knows its valid values."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import FINITE, is_finite_number, is_number
from ax_moo.system.text import in_yaml
from ax_moo.trial import ParameterValue


def finite_number(value: Any, where: str) -> float:
    """The value as a float; ConfigError for anything but a finite number. ``where`` begins the error message."""
    if is_finite_number(value):
        return float(value)
    raise ConfigError(f"{where} {FINITE.complaint(value)}")


def whole_number(value: Any, where: str) -> int:
    finite_number(value, where)
    if value != int(value):
        raise ConfigError(
            f"{where} must be a whole number, because the parameter is an int, got {in_yaml(value)};"
            " change it, or write value_type: float"
        )
    return int(value)


def plain(value: Any, name: str) -> ParameterValue:
    """The value as JSON can hold it; ConfigError if JSON cannot hold it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return finite_number(value, f"{name}: a value")
    if isinstance(value, (list, tuple)):
        return [plain(item, name) for item in value]
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise ConfigError(f"{name}: the keys of a mapping must be strings, got {in_yaml(odd[0])}")
        return {key: plain(item, name) for key, item in value.items()}
    raise ConfigError(
        f"{name}: a value must be null, true, false, a number, a string, or a list or mapping of these, got"
        f" {in_yaml(value)}"
    )


def identity(value: ParameterValue) -> Hashable:
    """A key that is equal for equal values: 1 and 1.0 have the same key; 1, '1' and true have different keys."""
    if isinstance(value, (list, tuple)):
        return ("list", tuple(map(identity, value)))
    if isinstance(value, Mapping):
        return ("mapping", frozenset((key, identity(item)) for key, item in value.items()))
    return ("number" if is_number(value) else type(value).__name__, value)


MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, both included; with a step only lower, lower + step, ..., upper.

    ``prefix`` precedes the name in the job's override: nothing, ``+`` or ``++``.
    """

    name: str
    lower: float
    upper: float
    value_type: Literal["int", "float"]
    log_scale: bool = False
    step: float | None = None
    prefix: str = ""

    def __post_init__(self) -> None:
        cast = whole_number if self.value_type == "int" else finite_number
        for key in ("lower", "upper", "step"):
            value = getattr(self, key)
            if value is not None:
                object.__setattr__(self, key, cast(value, f"{self.name}: {key}"))
        if self.value_type == "int" and self.step == 1:
            object.__setattr__(self, "step", None)
        _check_range(self)

    @property
    def is_finite(self) -> bool:
        return self.value_type == "int" or self.step is not None

    def values(self) -> Sequence[float]:
        """All values in ascending order; ConfigError if the range is continuous."""
        if self.value_type == "int":
            return range(int(self.lower), int(self.upper) + 1, int(self.step or 1))
        if self.step is None:
            raise ConfigError(
                f"{self.name}: a continuous range has no list of values; give it a step, such as"
                f" {self.name}=range({self.lower}, {self.upper}, STEP), or a choice(...)"
            )
        count = round((self.upper - self.lower) / self.step) + 1
        return [self._value_at(index) for index in range(count)]

    def accept(self, value: Any) -> float:
        """The value in the parameter's own type; ValueError, which says why, if it is not in the range."""
        if not is_finite_number(value):
            raise ValueError(f"must be a number, got {in_yaml(value)}")
        if self.value_type == "int" and value != int(value):
            raise ValueError(f"must be a whole number, got {in_yaml(value)}")
        value = value if self.value_type == "int" else self._on_a_bound(value)
        if not self.lower <= value <= self.upper:
            raise ValueError(f"must be between {self.lower} and {self.upper}, got {in_yaml(value)}")
        if self.step is not None:
            return self._on_the_grid(value)
        return int(value) if self.value_type == "int" else float(value)

    def _on_a_bound(self, value: float) -> float:
        """The bound that a value outside is meant to be: after a logarithm and its inverse it is not exactly on it."""
        bound = min(max(value, self.lower), self.upper)
        return bound if math.isclose(value, bound, rel_tol=1e-12) else value

    def _on_the_grid(self, value: float) -> float:
        step = self.step or 1
        nearest = self._value_at(round((value - self.lower) / step))
        if not math.isclose(value, nearest, rel_tol=1e-9, abs_tol=1e-9 * step):
            raise ValueError(f"must be {self.lower} plus a multiple of {step}, got {in_yaml(value)}")
        return nearest

    def _value_at(self, index: int) -> float:
        # With Decimal the third step of 0.1 is 0.3 and not 0.30000000000000004.
        value = Decimal(str(self.lower)) + index * Decimal(str(self.step or 1))
        return int(value) if self.value_type == "int" else float(value)


@dataclass(frozen=True)
class Choice:
    """One of several values, in the order in which they were given.

    ``is_ordered`` means that neighbours are similar: numbers by their size, other values as listed (see ``in_order``).
    """

    name: str
    values: tuple[ParameterValue, ...]
    is_ordered: bool
    prefix: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(plain(value, self.name) for value in self.values))
        if not self.values:
            raise ConfigError(f"{self.name}: the choice is empty; give at least two values, such as choice(a, b)")
        seen: set[Hashable] = set()
        for value in self.values:
            if identity(value) in seen:
                raise ConfigError(f"{self.name}: duplicate value {in_yaml(value)} in the choice; give each value once")
            seen.add(identity(value))

    @property
    def in_order(self) -> tuple[ParameterValue, ...]:
        """The values sorted by size if all are numbers, else as listed."""
        return tuple(sorted(self.values)) if all(map(is_number, self.values)) else self.values

    def accept(self, value: Any) -> ParameterValue:
        """The listed value that equals this value; ValueError, which lists the valid values, if there is none."""
        for listed in self.values:
            if identity(listed) == identity(value):
                return listed
        raise ValueError(f"must be one of {', '.join(map(in_yaml, self.values))}, got {in_yaml(value)}")


@dataclass(frozen=True)
class Fixed:
    """A parameter that has the same value in every trial."""

    name: str
    value: ParameterValue
    prefix: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", plain(self.value, self.name))

    def accept(self, value: Any) -> ParameterValue:
        if identity(value) != identity(self.value):
            raise ValueError(f"must be {in_yaml(self.value)}, to which the parameter is fixed, got {in_yaml(value)}")
        return self.value


Parameter: TypeAlias = Range | Choice | Fixed


def _check_range(parameter: Range) -> None:
    name, lower, upper, step = parameter.name, parameter.lower, parameter.upper, parameter.step
    if lower >= upper:
        raise ConfigError(
            f"{name}: the lower bound must be below the upper one, got {lower} and {upper}; write the smaller one first"
        )
    if parameter.log_scale and lower <= 0:
        raise ConfigError(
            f"{name}: the lower bound of a log scale must be above 0, got {lower}; raise it, or leave log out"
        )
    if step is None:
        return
    if parameter.log_scale:
        raise ConfigError(
            f"{name}: a parameter cannot have both a log scale and a step; leave the step out"
            f" (tag(log, interval({lower}, {upper})), with int(...) around it for whole numbers), or give a choice(...)"
        )
    if step > 0 and (upper - lower) / step > MOST_STEPS:
        raise ConfigError(f"{name}: step {step} gives more than {MOST_STEPS} values; give a larger step, or none")
    if step <= 0 or (Decimal(str(upper)) - Decimal(str(lower))) % Decimal(str(step)) != 0:
        raise ConfigError(
            f"{name}: the step must be above 0 and lead from {lower} to {upper} in whole steps, got {step};"
            " change the step or a bound"
        )
