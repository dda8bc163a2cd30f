"""The scrambled Sobol sequence of torch's SobolEngine, without torch, whose import takes seconds.

The construction is that of Joe and Kuo (https://web.maths.unsw.edu.au/~fkuo/sobol/), scrambled as torch does it, with
the same random bits. A test compares the two.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_BITS = 30
# Of each dimension after the first: its primitive polynomial, one bit a coefficient, and its first direction numbers.
# fmt: off
_DIRECTIONS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (3, (1,)), (7, (1, 3)), (11, (1, 3, 1)), (13, (1, 1, 1)), (19, (1, 1, 3, 3)), (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)), (41, (1, 1, 5, 5, 5)), (47, (1, 1, 7, 11, 19)), (55, (1, 1, 5, 1, 1)),
    (59, (1, 1, 1, 3, 11)), (61, (1, 3, 5, 5, 31)), (67, (1, 3, 3, 9, 7, 49)), (91, (1, 1, 1, 15, 21, 21)),
    (97, (1, 3, 1, 13, 27, 49)), (103, (1, 1, 1, 15, 7, 5)), (109, (1, 3, 1, 15, 13, 25)),
    (115, (1, 1, 5, 5, 19, 61)), (131, (1, 3, 7, 11, 23, 15, 103)), (137, (1, 3, 7, 13, 13, 15, 69)),
    (143, (1, 1, 3, 13, 7, 35, 63)), (145, (1, 3, 5, 9, 1, 25, 53)), (157, (1, 3, 1, 13, 9, 35, 107)),
    (167, (1, 3, 1, 5, 27, 61, 31)), (171, (1, 1, 5, 11, 19, 41, 61)), (185, (1, 3, 5, 3, 3, 13, 69)),
    (191, (1, 1, 7, 13, 1, 19, 1)), (193, (1, 3, 7, 5, 13, 19, 59)), (203, (1, 1, 3, 9, 25, 29, 41)),
    (211, (1, 3, 5, 13, 23, 1, 55)), (213, (1, 3, 7, 3, 13, 59, 17)), (229, (1, 3, 1, 3, 5, 53, 69)),
    (239, (1, 1, 5, 5, 23, 33, 13)), (241, (1, 1, 7, 7, 1, 61, 123)), (247, (1, 1, 7, 9, 13, 61, 49)),
    (253, (1, 3, 3, 5, 3, 55, 33)), (285, (1, 3, 1, 15, 31, 13, 49, 245)), (299, (1, 3, 5, 15, 31, 59, 63, 97)),
    (301, (1, 3, 1, 11, 11, 11, 77, 249)),
)
# fmt: on
MOST_DIMENSIONS = len(_DIRECTIONS) + 1


def sobol(dimensions: int, seed: int) -> Iterator[Sequence[float]]:
    """The points of ``SobolEngine(dimensions, scramble=True, seed=seed)`` in double precision, one after another."""
    bits = _random_bits(seed, dimensions * _BITS * (1 + _BITS))
    shifts = bits[: dimensions * _BITS].reshape(dimensions, _BITS)
    matrices = bits[dimensions * _BITS :].reshape(dimensions, _BITS, _BITS)
    columns = [_scrambled(_direction_numbers(axis), matrices[axis]) for axis in range(dimensions)]
    state = [sum(int(bit) << position for position, bit in enumerate(row)) for row in shifts]
    # torch computes the first point in single precision.
    yield [float(np.float32(number) / np.float32(2**_BITS)) for number in state]
    for index in range(2**_BITS):
        lowest_zero = (~index & (index + 1)).bit_length() - 1
        state = [number ^ column[lowest_zero] for number, column in zip(state, columns, strict=True)]
        yield [number / 2**_BITS for number in state]


def _random_bits(seed: int, number: int) -> npt.NDArray[np.integer[Any]]:
    """The bits of ``torch.randint(2, ...)``: the last bits of the same Mersenne twister's numbers."""
    return np.random.RandomState(seed).randint(0, 2**32, size=number, dtype=np.uint32) & 1


def _direction_numbers(axis: int) -> list[int]:
    if axis == 0:
        return [1 << (_BITS - 1 - position) for position in range(_BITS)]
    polynomial, first = _DIRECTIONS[axis - 1]
    numbers, degree = list(first), len(first)
    for position in range(degree, _BITS):
        number = numbers[position - degree]
        for power in range(1, degree + 1):
            if polynomial >> (degree - power) & 1:
                number ^= numbers[position - power] << power
        numbers.append(number)
    return [number << (_BITS - 1 - position) for position, number in enumerate(numbers)]


def _scrambled(numbers: Sequence[int], matrix: npt.NDArray[np.integer[Any]]) -> list[int]:
    """The numbers as columns of bits, multiplied by a lower triangular matrix of random bits."""
    lower = np.tril(matrix, -1) + np.eye(_BITS, dtype=np.uint32)
    rows = [sum(int(bit) << (_BITS - 1 - place) for place, bit in enumerate(row)) for row in lower]
    return [
        sum(((row & number).bit_count() & 1) << (_BITS - 1 - place) for place, row in enumerate(rows))
        for number in numbers
    ]
