"""The centre of a constrained space: as far as possible from every constraint and bound."""

from collections.abc import Mapping

from ax_moo.problem.equalities import Solution, scaled
from ax_moo.trial import ParameterValue


def constrained_centre(solution: Solution) -> Mapping[str, ParameterValue]:
    """The values of the free parameters that are in constraints, at the centre of the largest ball that meets them.

    Rounding may have moved whole numbers beyond a constraint. Empty if there is no such ball.
    """
    import numpy as np
    from scipy.optimize import linprog

    coordinates = {name: solution.coordinates[name] for name in solution.free}
    names = list(coordinates)
    rows = [scaled(row, coordinates) for row in solution.rows]
    weights = np.array([[row.get(name, 0.0) for name in names] for row, _ in rows]).reshape(len(rows), len(names))
    box, ones = np.eye(len(names)), np.ones((len(names), 1))
    # The last variable is the ball's radius.
    sides = np.hstack([weights, np.linalg.norm(weights, axis=1, keepdims=True)])
    matrix = np.vstack([sides, np.hstack([box, ones]), np.hstack([-box, ones])])
    limits = np.array([*(limit for _, limit in rows), *np.ones(len(names)), *np.zeros(len(names))])
    found = linprog([*np.zeros(len(names)), -1.0], A_ub=matrix, b_ub=limits, bounds=(0.0, 1.0))
    if not names or not found.success:
        return {}
    at = {name: float(place) for name, place in zip(names, found.x, strict=False)}
    return {
        name: each.value(float(each.bounds[0]) + at[name] * float(each.width)) for name, each in coordinates.items()
    }
