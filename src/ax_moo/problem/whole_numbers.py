"""Which whole numbers a coordinate can have in equalities of whole numbers: every n-th one from some number on."""

import math
from collections.abc import Collection, Mapping, Sequence

from ax_moo.problem.coordinates import Coordinate, Row


def whole_rows(rows: Sequence[Row], coordinates: Mapping[str, Coordinate]) -> list[Row]:
    """The equalities among whole coordinates alone, with whole weights and a whole bound."""
    found = [row for row in rows if row.is_equality and all(coordinates[name].is_whole for name in row.weights)]
    return [_whole(row) for row in found]


def _whole(row: Row) -> Row:
    common = math.lcm(row.bound.denominator, *(weight.denominator for weight in row.weights.values()))
    return Row({name: weight * common for name, weight in row.weights.items()}, row.bound * common, is_equality=True)


def every_nth(name: str, rows: Sequence[Row], known: Mapping[str, int]) -> tuple[int, int] | None:
    """First and n: the numbers with which the coordinates that are not known yet can meet each row, apart from bounds.

    None if there are none.
    """
    first, step = 0, 1
    for row in rows:
        if name not in row.weights:
            continue
        weights = {other: int(weight) for other, weight in row.weights.items()}
        rest = int(row.bound) - sum(weights[other] * known[other] for other in weights.keys() & known.keys())
        divisor = math.gcd(*_of_others(weights, name, known))
        one = _solved(weights[name], rest, divisor)
        both = one and _both((first, step), one)
        if both is None:
            return None
        first, step = both
    return first, step


def _of_others(weights: Mapping[str, int], name: str, known: Collection[str]) -> list[int]:
    return [weight for other, weight in weights.items() if other != name and other not in known]


def _solved(weight: int, rest: int, divisor: int) -> tuple[int, int] | None:
    """The numbers x for which ``rest - weight * x`` is a multiple of the divisor; with divisor 0 it must be 0."""
    common = math.gcd(weight, divisor)
    if rest % common:
        return None
    if divisor == 0:
        return rest // weight, 0
    step = divisor // common
    return (rest // common) * pow(weight // common, -1, step) % step, step


def _both(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
    """The numbers that are in both sequences; a step of 0 is a single number."""
    (first, step), (second, width) = sorted((one, other), key=lambda each: each[1])
    common = math.gcd(step, width)
    if common == 0:
        return (first, 0) if first == second else None
    if (second - first) % common:
        return None
    if step == 0:
        return first, 0
    turns = (second - first) // common * pow(step // common, -1, width // common) % (width // common)
    least = math.lcm(step, width)
    return (first + step * turns) % least, least


def from_on(numbers: range, first: int, step: int) -> range:
    """The numbers of the range that are ``first`` plus a multiple of ``step``."""
    if step == 0:
        return range(first, first + 1) if first in numbers else range(0)
    start = numbers.start + (first - numbers.start) % step
    return range(start, numbers.stop, step)
