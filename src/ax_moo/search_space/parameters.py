"""One dimension of a search space: Range, Choice or Fixed."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import FINITE, is_finite_number, is_number
from ax_moo.trial import ParameterValue


def finite_number(value: Any, where: str) -> float:
    """``where`` is the beginning of the sentence about any other value."""
    if is_finite_number(value):
        return float(value)
    raise ConfigError(f"{where} {FINITE.complaint(value)}")


def whole_number(value: Any, where: str) -> int:
    finite_number(value, where)
    if value != int(value):
        raise ConfigError(f"{where} must be a whole number, because the parameter is an int, got {value!r}")
    return int(value)


def plain(value: Any, name: str) -> ParameterValue:
    """The value as JSON can hold it, or a ConfigError when it cannot."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return finite_number(value, f"{name}: a value")
    if isinstance(value, (list, tuple)):
        return [plain(item, name) for item in value]
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise ConfigError(f"{name}: the keys of a mapping must be strings, and {odd[0]!r} is none")
        return {key: plain(item, name) for key, item in value.items()}
    raise ConfigError(
        f"{name}: {value!r} is no value for a parameter; give null, true, false, a number, a string,"
        " or a list or mapping of these"
    )


def identity(value: ParameterValue) -> Hashable:
    """What two values have in common when they mean the same: 1 and 1.0 do; 1, '1' and true do not."""
    if isinstance(value, (list, tuple)):
        return ("list", tuple(map(identity, value)))
    if isinstance(value, Mapping):
        return ("mapping", frozenset((key, identity(item)) for key, item in value.items()))
    return ("number" if is_number(value) else type(value).__name__, value)


MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, both included; with a step only lower, lower + step, ..., upper.

    ``prefix`` is what stands before the name in the job's override: nothing, ``+`` or ``++``.
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
        """All values in rising order; the range has to be finite."""
        if self.value_type == "int":
            return range(int(self.lower), int(self.upper) + 1, int(self.step or 1))
        if self.step is None:
            raise ConfigError(
                f"{self.name}: is continuous, and its values cannot be listed; give it a step, such as"
                f" {self.name}=range({self.lower}, {self.upper}, STEP), or a choice(...)"
            )
        count = round((self.upper - self.lower) / self.step) + 1
        return [self._value_at(index) for index in range(count)]

    def accept(self, value: Any) -> float:
        """The value in this parameter's own type; ValueError, which says why, when it is not in the range."""
        if not is_finite_number(value):
            raise ValueError(f"must be a number, got {value!r}")
        if self.value_type == "int" and value != int(value):
            raise ValueError(f"must be a whole number, got {value!r}")
        value = self._on_a_bound(value)
        if not self.lower <= value <= self.upper:
            raise ValueError(f"is {value!r}, which is not between {self.lower} and {self.upper}")
        if self.step is not None:
            return self._on_the_grid(value)
        return int(value) if self.value_type == "int" else float(value)

    def _on_a_bound(self, value: float) -> float:
        """The bound that the value means: a way through a logarithm and back ends a hair beside it."""
        for bound in (self.lower, self.upper):
            if math.isclose(value, bound, rel_tol=1e-12):
                return bound
        return value

    def _on_the_grid(self, value: float) -> float:
        step = self.step or 1
        nearest = self._value_at(round((value - self.lower) / step))
        if not math.isclose(value, nearest, rel_tol=1e-9, abs_tol=1e-9 * step):
            raise ValueError(f"is {value!r}, which is not {self.lower} plus a multiple of {step}")
        return nearest

    def _value_at(self, index: int) -> float:
        # Decimal, so that the third step of 0.1 is 0.3 and not 0.30000000000000004.
        value = Decimal(str(self.lower)) + index * Decimal(str(self.step or 1))
        return int(value) if self.value_type == "int" else float(value)


@dataclass(frozen=True)
class Choice:
    """One of several values, in the order in which they were given.

    ``is_ordered`` says that neighbours are alike: numbers by their size, other values as listed (see ``in_order``).
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
                raise ConfigError(f"{self.name}: duplicate value {value!r} in the choice; give each value once")
            seen.add(identity(value))

    @property
    def in_order(self) -> tuple[ParameterValue, ...]:
        """The values by size when all are numbers, else as listed."""
        return tuple(sorted(self.values)) if all(map(is_number, self.values)) else self.values

    def accept(self, value: Any) -> ParameterValue:
        """The listed value that equals this one; ValueError, which lists all, when there is none."""
        for listed in self.values:
            if identity(listed) == identity(value):
                return listed
        raise ValueError(f"is {value!r}, which is none of {', '.join(map(repr, self.values))}")


@dataclass(frozen=True)
class Fixed:
    """A parameter that every trial runs with at the same value."""

    name: str
    value: ParameterValue
    prefix: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", plain(self.value, self.name))

    def accept(self, value: Any) -> ParameterValue:
        if identity(value) != identity(self.value):
            raise ValueError(f"is {value!r}, but the parameter is fixed to {self.value!r}")
        return self.value


Parameter: TypeAlias = Range | Choice | Fixed


def _check_range(parameter: Range) -> None:
    name, lower, upper, step = parameter.name, parameter.lower, parameter.upper, parameter.step
    if lower >= upper:
        raise ConfigError(
            f"{name}: the lower bound {lower} is not below the upper bound {upper}; write the smaller one first"
        )
    if parameter.log_scale and lower <= 0:
        raise ConfigError(
            f"{name}: a log scale needs bounds above 0, and the lower bound is {lower}; raise it, or leave log out"
        )
    if step is None:
        return
    if parameter.log_scale:
        raise ConfigError(
            f"{name}: a log scale and a step do not go together; leave the step out"
            f" (tag(log, interval({lower}, {upper})), with int(...) around it for whole numbers), or give a choice(...)"
        )
    if step > 0 and (upper - lower) / step > MOST_STEPS:
        raise ConfigError(f"{name}: step {step} makes more than {MOST_STEPS} values; take a larger one, or none")
    if step <= 0 or (Decimal(str(upper)) - Decimal(str(lower))) % Decimal(str(step)) != 0:
        raise ConfigError(
            f"{name}: step {step} does not fit; it must be above 0 and lead from {lower} to {upper} in whole steps"
        )
