"""Converting parameterizations to the coordinates that Ax can search, and back.

An Ax parameter has values of one type: numbers, strings or bools. Most parameters are the same on both sides. Four
kinds are not:

- a choice whose values are not all ints, all floats, all strings or all bools becomes a choice of labels;
- a range with a step becomes an ordered choice;
- a log-scale range in a parameter constraint becomes a linear range of its decimal logarithm, where an order
  constraint is linear. Ax refuses constraints on log-scale parameters;
- a range of very many whole numbers becomes one of floats, which are rounded. Ax lists all whole numbers of a range,
  and a thousand million of them fill the memory.
"""

import itertools
import json
import math
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Literal

from ax_moo.problem.problem import ParameterConstraint, Problem
from ax_moo.search_space.space import Choice, Fixed, Range
from ax_moo.system.rules import is_number
from ax_moo.trial import Parameterization, ParameterValue

ValueType = Literal["int", "float", "str", "bool"]
MOST_LISTED = 100_000
"""With ten times as many whole numbers on a log scale a candidate takes Ax eight seconds."""


@dataclass(frozen=True)
class EncodedParameter:
    """One searched parameter as Ax sees it: a range (``bounds``) or a choice (``values``)."""

    name: str
    value_type: ValueType
    bounds: tuple[float, float] | None = None
    log_scale: bool = False
    values: tuple[ParameterValue, ...] = ()
    is_ordered: bool = False
    is_rounded: bool = False
    """Whether the values of a range of floats are whole numbers."""


class SpaceEncoding:
    """The mapping between a problem's parameterizations and Ax's arms."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._fixed = {p.name: p.value for p in problem.search_space.parameters if isinstance(p, Fixed)}
        searched = [p for p in problem.search_space.parameters if not isinstance(p, Fixed)]
        self._parameters: dict[str, Range | Choice] = {p.name: p for p in searched}
        constrained = {name for constraint in problem.parameter_constraints for name, _ in constraint.terms}
        self._logarithms = {
            p.name: p for p in searched if isinstance(p, Range) and p.log_scale and p.name in constrained
        }
        self._rounded = {
            p.name: p
            for p in searched
            if isinstance(p, Range) and _has_too_many_values(p) and p.name not in self._logarithms
        }
        self._inexact = {**self._logarithms, **self._rounded}
        self.axes = [self._axis(p) for p in searched]
        self.constraints = [
            c.in_log10() if c.terms[0][0] in self._logarithms else c for c in problem.parameter_constraints
        ]

    @property
    def logarithms(self) -> Container[str]:
        """The parameters of which Ax searches the logarithm on a linear scale."""
        return self._logarithms

    @property
    def lose_precision(self) -> bool:
        """Whether an arm cannot be computed from its parameterization to the last bit."""
        return bool(self._inexact)

    def to_arm(self, parameterization: Parameterization) -> dict[str, Any]:
        return {name: self._encode(p, parameterization[name]) for name, p in self._parameters.items()}

    def to_parameterization(self, arm: Parameterization) -> dict[str, Any]:
        """The values that a job runs with, including fixed parameters, in the order of the search space."""
        values = {name: self._decode(p, arm[name]) for name, p in self._parameters.items()} | self._fixed
        values = {p.name: values[p.name] for p in self._problem.search_space.parameters}
        for constraint in self._problem.parameter_constraints:
            if not self._inexact.keys().isdisjoint(constraint.names) and not constraint.holds(values):
                values |= self._repaired(constraint, values, arm)
        return values

    def belong_together(self, arm: Parameterization, parameterization: Parameterization) -> bool:
        """Whether the arm is one from which the parameterization came, apart from rounding on another machine."""
        try:
            expected, back = self.to_arm(parameterization), self.to_parameterization(arm)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return False
        return arm.keys() == expected.keys() and all(
            _is_near(self._inexact[name], back[name], parameterization[name])
            if name in self._inexact
            else _same(arm[name], expected[name])
            for name in self._parameters
        )

    def _axis(self, parameter: Range | Choice) -> EncodedParameter:
        if isinstance(parameter, Choice):
            value_type, values = _plain_values(parameter.values)
            return EncodedParameter(parameter.name, value_type, values=values, is_ordered=parameter.is_ordered)
        if parameter.name in self._logarithms:
            bounds = (math.log10(parameter.lower), math.log10(parameter.upper))
            return EncodedParameter(parameter.name, "float", bounds=bounds)
        if parameter.step is not None:
            return EncodedParameter(
                parameter.name, parameter.value_type, values=tuple(parameter.values()), is_ordered=True
            )
        bounds = (parameter.lower, parameter.upper)
        if parameter.name in self._rounded:
            wide = (float(bounds[0]), float(bounds[1]))
            return EncodedParameter(parameter.name, "float", wide, parameter.log_scale, is_rounded=True)
        return EncodedParameter(parameter.name, parameter.value_type, bounds=bounds, log_scale=parameter.log_scale)

    def _encode(self, parameter: Range | Choice, value: ParameterValue) -> ParameterValue:
        if isinstance(parameter, Choice):
            _, values = _plain_values(parameter.values)
            return values[_position(parameter.values, value)]
        if parameter.name in self._logarithms:
            low, high = math.log10(parameter.lower), math.log10(parameter.upper)
            return min(max(math.log10(value), low), high)
        return float(value) if parameter.name in self._rounded else value

    def _decode(self, parameter: Range | Choice, value: ParameterValue) -> ParameterValue:
        if isinstance(parameter, Choice):
            _, values = _plain_values(parameter.values)
            return parameter.values[_position(values, value)]
        if parameter.name in self._logarithms:
            return _within(parameter, _power_of_10(value))
        if parameter.name in self._rounded:
            return _within(parameter, value)
        return int(value) if parameter.value_type == "int" else float(value)

    def _repaired(
        self, constraint: ParameterConstraint, values: Parameterization, arm: Parameterization
    ) -> dict[str, ParameterValue]:
        """The nearest values that keep a constraint which rounding has broken.

        Ax keeps the constraint within its solver's tolerance, and ints are rounded. It is enough to round an int the
        other way, or to change a float by one part in a million.
        """
        names = [name for name, _ in constraint.terms]
        options = [self._near(name, values[name], arm[name]) for name in names]
        for point in itertools.product(*options):
            changed = dict(zip(names, point, strict=True))
            if constraint.holds({**values, **changed}):
                return changed
        return {}

    def _near(self, name: str, value: Any, in_arm: Any) -> list[float]:
        """The values nearest to the arm's; the value itself where none is lost."""
        if name in self._logarithms:
            return _nearest(self._logarithms[name], _power_of_10(in_arm))
        return _nearest(self._rounded[name], in_arm) if name in self._rounded else [value]


def _has_too_many_values(parameter: Range) -> bool:
    is_int = parameter.value_type == "int" and parameter.step is None
    return is_int and parameter.upper - parameter.lower >= MOST_LISTED


def _power_of_10(exponent: float) -> float:
    """10 to this power; a whole exponent would be computed digit by digit, however large it is."""
    return 10 ** float(exponent)


def _same(one: ParameterValue, other: ParameterValue) -> bool:
    if is_number(one) and is_number(other):
        return math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def _is_near(parameter: Range, one: float, other: float) -> bool:
    """Whether the values differ by no more than rounding and repair can change."""
    return abs(one - other) <= (1 if parameter.value_type == "int" else 1e-5 * other)


def _nearest(parameter: Range, value: float) -> list[float]:
    return sorted(_neighbours(parameter, value), key=lambda each: abs(each - value))


def _neighbours(parameter: Range, value: float) -> set[float]:
    if parameter.value_type == "int":
        return {_within(parameter, math.floor(value)), _within(parameter, math.ceil(value))}
    return {_within(parameter, value * factor) for factor in (1 - 1e-6, 1, 1 + 1e-6)}


def _within(parameter: Range, value: float) -> float:
    number = round(value) if parameter.value_type == "int" else float(value)
    return min(max(number, parameter.lower), parameter.upper)


def _plain_values(values: tuple[ParameterValue, ...]) -> tuple[ValueType, tuple[ParameterValue, ...]]:
    for value_type, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str")):
        if all(type(value) is value_type and _has_64_bits(value) for value in values):
            return name, values  # type: ignore[return-value]
    if all(type(value) in (int, float) and _has_64_bits(value) for value in values):
        return "float", tuple(float(value) for value in values)
    return "str", tuple(json.dumps(value, ensure_ascii=False) for value in values)


def _has_64_bits(value: ParameterValue) -> bool:
    """Whether an int fits into 64 bits: Ax keeps no data of trials with larger ints."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _position(values: tuple[ParameterValue, ...], value: ParameterValue) -> int:
    """The index of a value; 1, 1.0 and True are different values if the list has more than one of them."""
    same = [i for i, v in enumerate(values) if type(v) is type(value) and v == value]
    return same[0] if same else values.index(value)
