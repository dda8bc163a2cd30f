"""Constraints on metrics and on parameters, each parsed from a text such as ``latency_ms <= 20``."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean, in_yaml
from ax_moo.trial import Parameterization

OUTCOMES = "hydra.sweeper.outcome_constraints"
PARAMETERS = "hydra.sweeper.parameter_constraints"
_OPERATOR = re.compile(r"[<>=!]+")
_WEIGHTED = re.compile(r"[-+]?[\d.]+\s*\*\s*(\S.*)")


@dataclass(frozen=True)
class OutcomeConstraint:
    """A bound on a metric that the application returns."""

    metric: str
    op: Literal["<=", ">="]
    bound: float
    written: str = field(default="", compare=False)

    @property
    def text(self) -> str:
        """The constraint as the user wrote it, where that is known."""
        return self.written or self.in_order

    @property
    def in_order(self) -> str:
        """The constraint with the metric on the left."""
        return f"{self.metric} {self.op} {self.bound:.15g}"

    @classmethod
    def parse(cls, text: Any) -> "OutcomeConstraint":
        """The metric is everything on one side of the operator: it may contain spaces, slashes and digits."""
        example = "write METRIC <= NUMBER or METRIC >= NUMBER, such as 'latency_ms <= 20'"
        left, op, right = _split(text, OUTCOMES, example)
        if not _is_number(right):
            left, right = right, left
            op = "<=" if op == ">=" else ">="
        if not left or not _is_number(right):
            raise ConfigError(f"{OUTCOMES}: {text!r}: one side must be a number, the other a metric; {example}")
        if weighted := _WEIGHTED.match(left):
            raise ConfigError(
                f"{OUTCOMES}: {text!r}: a metric has no weight here; write {weighted[1]} alone, and divide the bound"
            )
        if not math.isfinite(float(right)):
            raise ConfigError(f"{OUTCOMES}: {text!r}: the bound must be a finite number, got {right}")
        return cls(left, op, float(right), _trimmed(text))

    def holds(self, value: float) -> bool:
        return value <= self.bound if self.op == "<=" else value >= self.bound


@dataclass(frozen=True)
class ParameterConstraint:
    """A linear constraint: the sum of weight * parameter over the terms is at most the bound, or equals it."""

    terms: tuple[tuple[str, float], ...]
    bound: float
    is_equality: bool = False
    written: str = field(default="", compare=False)

    @property
    def text(self) -> str:
        """The constraint as the user wrote it, where that is known."""
        return self.written or self.in_order

    @property
    def in_order(self) -> str:
        """The constraint with all parameters on the left."""
        signed = [f"{'-' if weight < 0 else '+'} {_product(abs(weight), name)}" for name, weight in self.terms]
        return f"{' '.join(signed).removeprefix('+ ')} {'==' if self.is_equality else '<='} {self.bound:.15g}"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.terms)

    @classmethod
    def parse(cls, text: Any, names: Sequence[str]) -> "ParameterConstraint":
        """``names`` are the search space's parameters: in ``a-b <= 1`` they decide between a name and a difference."""
        example = "write it as in 'a <= b', '2*a + 0.5*b - c <= 10', 'a >= 3' or 'a + b == 1'"
        left, op, right = _split(text, PARAMETERS, example, ("<=", ">=", "=="))
        where = f"{PARAMETERS}: {text!r}"
        reader = LinearReader(names, where, example)
        terms: dict[str, float] = {}
        bound = 0.0
        for side, sign in ((left, 1.0), (right, -1.0)):
            for weight, name in reader.terms(side):
                if name is None:
                    bound -= sign * weight
                elif name in terms:
                    raise ConfigError(f"{where}: {name} occurs twice; add up its weights")
                else:
                    terms[name] = sign * weight
        if not terms or not all(terms.values()):
            raise ConfigError(f"{where}: must have a parameter, and no parameter with weight 0; {example}")
        if not all(map(math.isfinite, (bound, *terms.values()))):
            raise ConfigError(f"{where}: weights and bound must be finite numbers; {example}")
        flip = -1.0 if op == ">=" else 1.0
        signed = tuple((name, flip * weight) for name, weight in terms.items())
        return cls(signed, flip * bound + 0.0, op == "==", _trimmed(text))

    def holds(self, parameterization: Parameterization) -> bool:
        left = self.left_side(parameterization)
        if self.is_equality:
            size = math.fsum(abs(weight * parameterization[name]) for name, weight in self.terms) + abs(self.bound)
            # Nine digits of numbers near 1 may be rounded by hand; a whole number among millions is another one.
            return abs(left - self.bound) <= max(1e-9 * min(size, 1.0), 1e-12 * size)
        return left <= self.bound + 1e-9 * max(1.0, abs(self.bound))

    def left_side(self, values: Mapping[str, Any]) -> float:
        return math.fsum(weight * values[name] for name, weight in self.terms)

    @property
    def has_log10_form(self) -> bool:
        """Whether the constraint is linear on a log scale: ``c1*a <= c2*b``, or a positive bound on one parameter.

        So is an equality of these forms.
        """
        weights = [weight for _, weight in self.terms]
        if len(weights) == 1:
            return self.bound / weights[0] > 0
        return len(weights) == 2 and self.bound == 0 and weights[0] * weights[1] < 0

    def in_log10(self) -> "ParameterConstraint":
        """The same constraint on the log10 of its parameters; ConfigError without ``has_log10_form``."""
        if not self.has_log10_form:
            raise ConfigError(f"{PARAMETERS}: {self.text!r} is not linear on a log scale")
        signs = tuple((name, math.copysign(1.0, weight)) for name, weight in self.terms)
        if len(signs) == 1:
            (name, sign), weight = signs[0], self.terms[0][1]
            return ParameterConstraint(((name, sign),), sign * math.log10(self.bound / weight), self.is_equality)
        offset = math.fsum(
            sign * math.log10(abs(weight)) for (_, weight), (_, sign) in zip(self.terms, signs, strict=True)
        )
        return ParameterConstraint(signs, 0.0 - offset, self.is_equality)


Constraint = TypeVar("Constraint", OutcomeConstraint, ParameterConstraint)


def written_otherwise(constraints: Iterable[OutcomeConstraint | ParameterConstraint]) -> dict[str, str]:
    """What the user wrote for each constraint whose own form is another one."""
    return {each.in_order: each.written for each in constraints if each.written not in ("", each.in_order)}


def as_written(constraint: Constraint, written: Mapping[str, str]) -> Constraint:
    return replace(constraint, written=written.get(constraint.in_order, ""))


def quoted_texts(constraints: Iterable[OutcomeConstraint | ParameterConstraint]) -> str:
    texts = [repr(constraint.text) for constraint in constraints]
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _trimmed(text: str) -> str:
    return " ".join(text.split())


def _split(text: Any, where: str, example: str, known: Sequence[str] = ("<=", ">=")) -> tuple[str, Any, str]:
    if not isinstance(text, str):
        raise ConfigError(f"{where}: a constraint must be a text, got {in_yaml(text)}; {example}")
    operators = _OPERATOR.findall(text)
    if len(operators) > 1 and set(operators) <= set(known):
        raise ConfigError(f"{where}: {text!r}: contains two constraints; give each as an item of its own")
    if len(operators) != 1 or operators[0] not in known:
        found = repr(operators[0]) if operators else "none"
        valid = f"{', '.join(known[:-1])} or {known[-1]}"
        raise ConfigError(f"{where}: {text!r}: the operator must be {valid}, got {found}; {example}")
    left, op, right = text.partition(operators[0])
    return left.strip(), op, right.strip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _product(weight: float, name: str) -> str:
    return name if weight == 1 else f"{weight:.15g}*{name}"


# The characters that cannot follow a name or a number. A dash can: it is a minus unless a known name contains it.
_END = r"(?![\w$.@/])"
_NUMBER = re.compile(r"(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf|nan)" + _END, re.IGNORECASE)
_NAME = re.compile(r"[\w$][\w$.@/-]*")


class LinearReader:
    """Parses a sum such as ``2*a + 0.5*b - c``. ``where`` begins an error message, and ``example`` ends it."""

    def __init__(self, names: Sequence[str], where: str, example: str) -> None:
        self._names = names
        longest_first = sorted(names, key=len, reverse=True)
        self._known = re.compile(f"({'|'.join(map(re.escape, longest_first))}){_END}" if names else r"(?!)")
        self._where, self._example = where, example
        self._rest = ""

    def terms(self, text: str) -> Iterator[tuple[float, str | None]]:
        """Weight and name of each term; the name of a constant is None."""
        self._rest = text.strip()
        yield self._term(-1.0 if self._take("-") else 1.0)
        while self._rest:
            if self._take("+"):
                yield self._term(1.0)
            elif self._take("-"):
                yield self._term(-1.0)
            else:
                raise self._unreadable()

    def _term(self, sign: float) -> tuple[float, str | None]:
        factors = [self._factor()]
        if self._take("*"):
            factors.append(self._factor())
        names = [factor for factor in factors if isinstance(factor, str)]
        if len(names) > 1:
            raise ConfigError(
                f"{self._where}: must be a sum of weight*parameter, got a product of two parameters; {self._example}"
            )
        weight = math.prod(factor for factor in factors if isinstance(factor, float))
        return sign * weight, names[0] if names else None

    def _factor(self) -> float | str:
        if name := self._known.match(self._rest):
            self._take(name[0])
            return name[0]
        if number := _NUMBER.match(self._rest):
            self._take(number[0])
            return float(number[0])
        if word := _NAME.match(self._rest):
            raise ConfigError(f"{self._where}: unknown parameter {word[0]!r}; {did_you_mean(word[0], self._names)}")
        raise self._unreadable()

    def _take(self, start: str) -> bool:
        if not self._rest.startswith(start):
            return False
        self._rest = self._rest[len(start) :].lstrip()
        return True

    def _unreadable(self) -> ConfigError:
        at = f"at {self._rest!r}" if self._rest else "to its end"
        return ConfigError(f"{self._where}: cannot be read {at}; {self._example}")
