"""The sweep's frontier and hypervolume against BoTorch's own, on random sets of trials."""

from typing import Any

import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.box_decompositions.dominated import DominatedPartitioning
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from botorch.utils.multi_objective.pareto import is_non_dominated
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ax_moo.problem.frontier import as_maximization, hypervolume_of, hypervolume_trace, pareto_trials, reference_point
from ax_moo.problem.problem import Objective, OutcomeConstraint, Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

# Few different numbers: ties, equal trials and values exactly on a threshold or a bound are frequent.
COARSE = st.integers(-3, 3).map(float)
FINE = st.integers(-1000, 1000).map(lambda number: number / 7)


@st.composite
def sweeps(draw: Any) -> tuple[Problem, list[Trial]]:
    """Objectives with and without thresholds, constraints on a further metric, and trials, the last of which failed."""
    count, number = draw(st.integers(2, 4)), draw(st.sampled_from([COARSE, FINE]))
    directions = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    # On the lenient side, so that not all trials are infeasible.
    lenient = draw(st.lists(number.map(abs), min_size=count, max_size=count)) if draw(st.booleans()) else None
    thresholds = [low if minimize else -low for low, minimize in zip(lenient or (), directions, strict=False)]
    objectives = [Objective(f"f{i}", directions[i], thresholds[i] if lenient else None) for i in range(count)]
    bounds = draw(st.just([]) | st.lists(st.tuples(st.sampled_from(["<=", ">="]), number.map(abs)), max_size=2))
    constraints = [OutcomeConstraint("lat", op, bound if op == "<=" else -bound) for op, bound in bounds]
    rows = draw(arrays(np.float64, (draw(st.integers(1, 14)), count + 1), elements=number))
    names = [*(objective.name for objective in objectives), "lat"]
    outcomes = [dict(zip(names, row.tolist(), strict=True)) for row in rows]
    trials = [Trial(i, {}, TrialStatus.COMPLETED, outcome=outcome) for i, outcome in enumerate(outcomes)]
    trials.append(Trial(len(trials), {}, TrialStatus.FAILED, reason="boom"))
    return Problem(SearchSpace(()), tuple(objectives), tuple(constraints)), trials


def _feasible(problem: Problem, trials: list[Trial]) -> tuple[list[int], torch.Tensor]:
    """The trials that meet all bounds, and their objectives as BoTorch wants them: all to be maximised."""
    numbers, points = [], []
    for trial in trials:
        outcome: Any = trial.outcome
        if outcome is None:
            continue
        latency = outcome["lat"]
        inside = all(latency <= c.bound if c.op == "<=" else latency >= c.bound for c in problem.outcome_constraints)
        for objective in problem.objectives:
            value, bound = outcome[objective.name], objective.threshold
            inside &= bound is None or (value <= bound if objective.minimize else value >= bound)
        if inside:
            numbers.append(trial.index)
            points.append([-outcome[o.name] if o.minimize else outcome[o.name] for o in problem.objectives])
    return numbers, torch.tensor(points, dtype=torch.double).reshape(len(points), len(problem.objectives))


@settings(max_examples=250, deadline=None)
@given(sweep=sweeps())
def test_frontier_and_hypervolume_are_botorchs(sweep: tuple[Problem, list[Trial]]) -> None:
    problem, trials = sweep
    feasible, points = _feasible(problem, trials)
    on_front = is_non_dominated(points, deduplicate=False).tolist() if feasible else []
    front = pareto_trials(trials, problem)
    assert [t.index for t in front] == [i for i, keep in zip(feasible, on_front, strict=True) if keep]

    reference = reference_point(problem, [t.outcome for t in front])
    if reference is None:
        assert not problem.thresholds_given
        assert not feasible
        expected = 0.0
    else:
        above = points[(points > torch.from_numpy(reference)).all(dim=1)]
        expected = DominatedPartitioning(torch.from_numpy(reference), above).compute_hypervolume().item()
    assert hypervolume_of(trials, problem) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert [0.0, *hypervolume_trace(trials, problem)][-1] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def touching_a_threshold() -> tuple[Problem, list[Trial]]:
    """A threshold that is lower in single precision than in double, and a frontier that just reaches it."""
    objectives = (Objective("f0", False, -1 / 7), Objective("f1", False, 0.0))
    return Problem(SearchSpace(()), objectives), [
        Trial(0, {}, TrialStatus.COMPLETED, outcome={"f0": -1 / 7, "f1": 1.0})
    ]


@settings(max_examples=250, deadline=None)
@given(sweep=sweeps())
@example(sweep=touching_a_threshold())
def test_the_reference_point_is_botorchs(sweep: tuple[Problem, list[Trial]]) -> None:
    """Inferred ones where the frontier has an extent: what stands for it where it has none is arbitrary in both.

    Of a frontier that only touches the thresholds BoTorch infers one; ours are the thresholds all the same.
    """
    problem, trials = sweep
    outcomes = [t.outcome for t in pareto_trials(trials, problem)]
    ours, front = reference_point(problem, outcomes), torch.tensor(as_maximization(outcomes, problem.objectives))
    if ours is None:
        assert not outcomes
    elif problem.thresholds_given:
        signed = ((o.threshold or 0.0, o.minimize) for o in problem.objectives)
        # A list of floats would become a tensor of single precision, in which 1/7 lies above 1/7 of double precision.
        thresholds = torch.tensor([-bound if minimize else bound for bound, minimize in signed], dtype=torch.double)
        above = bool((front > thresholds).all(dim=1).any())
        theirs = infer_reference_point(front, thresholds) if above or not outcomes else thresholds
        assert ours.tolist() == theirs.tolist()
    elif bool((front.max(dim=0).values > front.min(dim=0).values).all()):
        assert ours == pytest.approx(infer_reference_point(front).numpy())
    else:
        assert (ours < front.numpy()).all()
