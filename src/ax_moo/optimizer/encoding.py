"""Converting parameterizations to the coordinates that Ax can search, and back.

An Ax parameter has values of one type: numbers, strings or bools. Most parameters are the same on both sides. These are
not:

- a choice whose values are not all ints, all floats, all strings or all bools becomes a choice of labels;
- a range with a step becomes an ordered choice, and in a constraint the number of the step;
- a log-scale range in a parameter constraint becomes a linear range of its decimal logarithm, where an order
  constraint is linear. Ax refuses constraints on log-scale parameters;
- a range of very many whole numbers becomes one of floats, which are rounded. Ax lists all whole numbers of a range,
  and a thousand million of them fill the memory;
- a range that is too narrow for Ax becomes its logarithm, or its place between the bounds, from 0 to 1;
- a parameter that an equality determines is no axis: it is computed from the others.
"""

import itertools
import json
import math
from dataclasses import dataclass
from typing import Any, Literal

from ax_moo.optimizer.scale import Scale, within
from ax_moo.problem.coordinates import Coordinate, Row
from ax_moo.problem.problem import ParameterConstraint, Problem
from ax_moo.search_space.space import Choice, Fixed, Range
from ax_moo.system.rules import is_number
from ax_moo.trial import Parameterization, ParameterValue

ValueType = Literal["int", "float", "str", "bool"]


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
        self._solution = problem.solution
        computed = self._solution.computed
        searched = [p for p in problem.search_space.parameters if not isinstance(p, Fixed) and p.name not in computed]
        self._parameters: dict[str, Range | Choice] = {p.name: p for p in searched}
        constrained = self._solution.coordinates
        scales = {p.name: Scale.of_range(p, p.name in constrained) for p in searched if isinstance(p, Range)}
        self._scales = {name: scale for name, scale in scales.items() if scale is not None}
        self.axes = [self._axis(p) for p in searched]
        self.constraints = [self._constraint(row) for row in self._solution.rows]

    @property
    def narrow(self) -> dict[str, Coordinate]:
        """The ranges that are too narrow for Ax on their own scale, and are scaled."""
        return {name: scale.coordinate for name, scale in self._scales.items() if scale.is_unit}

    @property
    def lose_precision(self) -> bool:
        """Whether an arm cannot be computed from its parameterization to the last bit."""
        return bool(self._scales) or bool(self._solution.computed)

    def to_arm(self, parameterization: Parameterization) -> dict[str, Any]:
        return {name: self._encode(p, parameterization[name]) for name, p in self._parameters.items()}

    def to_parameterization(self, arm: Parameterization) -> dict[str, Any]:
        """The values that a job runs with, including fixed parameters, in the order of the search space."""
        values = {name: self._decode(p, arm[name]) for name, p in self._parameters.items()} | self._fixed
        values |= self._solution.completed(values)
        values = {p.name: values[p.name] for p in self._problem.search_space.parameters}
        for constraint in self._problem.parameter_constraints:
            if self._can_be_repaired(constraint) and not constraint.holds(values):
                values |= self._repaired(constraint, values, arm)
        return values

    def _can_be_repaired(self, constraint: ParameterConstraint) -> bool:
        return not self._scales.keys().isdisjoint(constraint.names) and not self._solution.has_equalities

    def belong_together(self, arm: Parameterization, parameterization: Parameterization) -> bool:
        """Whether the arm is one from which the parameterization came, apart from rounding on another machine."""
        try:
            expected, back = self.to_arm(parameterization), self.to_parameterization(arm)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return False
        if arm.keys() != expected.keys():
            return False
        near = {**{name: scale.coordinate for name, scale in self._scales.items()}, **self._computed}
        return all(_is_near(each.range, back[name], parameterization[name]) for name, each in near.items()) and all(
            _same(arm[name], expected[name]) for name in self._parameters if name not in near
        )

    @property
    def _computed(self) -> dict[str, Coordinate]:
        return {name: self._solution.coordinates[name] for name in self._solution.computed}

    def _constraint(self, row: Row) -> ParameterConstraint:
        """The row on the axes; with scaled ones its weights are near 1, because Ax has an absolute tolerance."""
        weights, bound = dict(row.weights), row.bound
        units = [name for name in weights if name in self._scales and self._scales[name].is_unit]
        for name in units:
            coordinate = self._scales[name].coordinate
            bound -= weights[name] * coordinate.bounds[0]
            weights[name] *= coordinate.width
        size = max(map(abs, weights.values())) if units else 1
        return ParameterConstraint(tuple((n, float(w / size)) for n, w in weights.items()), float(bound / size))

    def _axis(self, parameter: Range | Choice) -> EncodedParameter:
        if isinstance(parameter, Choice):
            kind, values = _plain_values(parameter.values)
            return EncodedParameter(parameter.name, kind, values=values, is_ordered=parameter.is_ordered)
        if (scale := self._scales.get(parameter.name)) is not None:
            value_type: ValueType = "int" if scale.coordinate.is_whole and not scale.is_rounded else "float"
            is_log = scale.is_rounded and parameter.log_scale
            return EncodedParameter(parameter.name, value_type, scale.bounds, is_log, is_rounded=scale.is_rounded)
        if parameter.step is not None:
            return EncodedParameter(
                parameter.name, parameter.value_type, values=tuple(parameter.values()), is_ordered=True
            )
        bounds = (parameter.lower, parameter.upper)
        return EncodedParameter(parameter.name, parameter.value_type, bounds=bounds, log_scale=parameter.log_scale)

    def _encode(self, parameter: Range | Choice, value: ParameterValue) -> ParameterValue:
        if isinstance(parameter, Choice):
            _, values = _plain_values(parameter.values)
            return values[_position(parameter.values, value)]
        if parameter.name in self._scales:
            return self._scales[parameter.name].encoded(value)
        return value

    def _decode(self, parameter: Range | Choice, value: ParameterValue) -> ParameterValue:
        if isinstance(parameter, Choice):
            _, values = _plain_values(parameter.values)
            return parameter.values[_position(values, value)]
        if parameter.name in self._scales:
            return self._scales[parameter.name].decoded(value)
        return within(parameter, value)

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
        scale = self._scales.get(name)
        return [value] if scale is None else _nearest(scale.coordinate.range, scale.number(in_arm))


def _same(one: ParameterValue, other: ParameterValue) -> bool:
    if is_number(one) and is_number(other):
        return math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def _is_near(parameter: Range, one: float, other: float) -> bool:
    """Whether the values differ by no more than rounding and repair can change."""
    if parameter.value_type == "int":
        return abs(one - other) <= 1
    width = parameter.upper - parameter.lower
    return abs(one - other) <= max(1e-9 * width, min(1e-5 * max(abs(one), abs(other)), 1e-3 * width))


def _nearest(parameter: Range, value: float) -> list[float]:
    return sorted(_neighbours(parameter, value), key=lambda each: abs(each - value))


def _neighbours(parameter: Range, value: float) -> set[float]:
    if parameter.value_type == "int":
        return {within(parameter, math.floor(value)), within(parameter, math.ceil(value))}
    return {within(parameter, value * factor) for factor in (1 - 1e-6, 1, 1 + 1e-6)}


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
