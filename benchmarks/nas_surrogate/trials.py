"""Trials of the surrogate as a sweep would have them, made without an optimizer, to give the same to all of them."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import nas_surrogate

RANDOM = 10  # points at random before the others, which are changed from the frontier's
CHANGED = 0.4  # probability that a parameter of such a point has another value

Point = dict[str, Any]


def trials(count: int, seed: int) -> Iterator[tuple[int, Point, dict[str, float]]]:
    """Number, point and outcome of each trial. Few are equal, and many lie near the frontier, as in a real sweep."""
    draw = random.Random(seed)
    frontier: list[tuple[Point, dict[str, float]]] = []
    for index in range(count):
        point = random_point(draw)
        if index >= RANDOM:
            parent, _ = draw.choice(frontier)
            point = {name: point[name] if draw.random() < CHANGED else value for name, value in parent.items()}
        outcome = nas_surrogate.evaluate(point, seed)
        frontier = _with(frontier, point, outcome)
        yield index, point, outcome


def random_point(draw: random.Random) -> Point:
    return {
        "model.hidden_size_1": round(16 * 8 ** draw.random()),
        "model.hidden_size_2": round(16 * 8 ** draw.random()),
        "model.learning_rate": 10 ** draw.uniform(-4, -2),
        "trainer.max_epochs": draw.randint(1, 4),
        "model.dropout": draw.uniform(0, 0.5),
        "data.batch_size": draw.choice(nas_surrogate.BATCH_SIZES),
    }


def _with(
    frontier: list[tuple[Point, dict[str, float]]], point: Point, outcome: dict[str, float]
) -> list[tuple[Point, dict[str, float]]]:
    if any(_dominates(other, outcome) for _, other in frontier):
        return frontier
    return [(p, o) for p, o in frontier if not _dominates(outcome, o)] + [(point, outcome)]


def _dominates(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    at_least = one["val_acc"] >= other["val_acc"] and one["num_params"] <= other["num_params"]
    return at_least and dict(one) != dict(other)
