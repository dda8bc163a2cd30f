"""The first points of a constrained space: without Ax, and the same in every process and after a resume."""

from collections.abc import Sequence

import pytest
from fakes import TWO_OBJECTIVES, problem

from ax_moo.optimizer.base import Candidate, Method, SearchSpaceExhausted, proposed
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.optimizer.points.keys import key
from ax_moo.problem.centre import constrained_centre
from ax_moo.problem.problem import Problem
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

SPACES = [
    ([f"{name}=int(interval(0, 10))" for name in "abc"], "a+b+c <= 3"),
    ([f"{name}=interval(0, 1)" for name in "abc"], "a+b+c == 1"),
    (["a=int(tag(log, interval(1, 256)))", "b=int(tag(log, interval(1, 256)))", "c=choice(x, y)"], "b <= a"),
    (["x=interval(0, 1)", "y=interval(0, 1)"], "x + y <= 1e-6"),
    (["a=int(interval(0, 10))", "b=int(interval(0, 10))"], "2*a + 3*b == 30"),
    (["x=tag(log, interval(1, 1.00002))", "y=interval(0, 1)"], "x >= 1.00001"),
]
N = 8


def _problem(parameters: Sequence[str], constraint: str) -> Problem:
    return problem(*parameters, objectives=TWO_OBJECTIVES, parameter_constraints=[constraint])


def _continued(here: Problem, method: Method, trials: Sequence[Trial], n: int = N) -> list[Candidate]:
    """The candidates after these trials of a design that was told of them."""
    design, found = InitialDesign(here, method, 7, n_initial=n), list[Candidate]()
    design.replay(trials)
    for index in range(len(trials), n):
        try:
            candidate = design.ask()
        except SearchSpaceExhausted:
            break
        assert candidate is not None
        design.accept(proposed(index, candidate))
        found.append(candidate)
    return found


@pytest.mark.parametrize(("parameters", "constraint"), SPACES)
@pytest.mark.parametrize("method", [Method.AUTO, Method.SOBOL, Method.RANDOM])
def test_the_points_are_new_and_allowed_and_a_resumed_design_goes_on_with_the_same(
    parameters: Sequence[str], constraint: str, method: Method
) -> None:
    here = _problem(parameters, constraint)
    whole = _continued(here, method, [])
    assert len(whole) == min(N, here.points.number() or N)
    assert len({key(each.parameterization) for each in whole}) == len(whole)
    assert all(here.points.is_allowed(each.parameterization) for each in whole)
    trials = [proposed(index, each) for index, each in enumerate(whole)]
    for after in range(len(whole)):
        assert _continued(here, method, trials[:after]) == whole[after:]


@pytest.mark.parametrize(("parameters", "constraint"), SPACES)
@pytest.mark.parametrize("method", [Method.AUTO, Method.SOBOL])
def test_ax_proposes_them_too_where_the_optimizer_is_asked_alone_also_after_a_resume(
    parameters: Sequence[str], constraint: str, method: Method
) -> None:
    here = _problem(parameters, constraint)
    designed = _continued(here, method, [])[:6]
    optimizer, trials = AxOptimizer(here, method, seed=7, n_initial=N), list[Trial]()
    for index in range(len(designed)):
        if index == 3:
            optimizer = AxOptimizer(here, method, seed=7, n_initial=N)
            optimizer.replay(trials)
        candidate = optimizer.ask(index)
        assert candidate == designed[index]
        trials.append(proposed(index, candidate).to(TrialStatus.COMPLETED, outcome={"f": index / 10, "g": 0.5}))
        optimizer.tell(trials[-1])


def test_a_point_that_changes_in_its_last_digit_is_not_proposed_again_after_a_resume() -> None:
    here = _problem([f"{name}=tag(log, interval(0.5, 2))" for name in "ab"], "a <= b")
    whole = _continued(here, Method.SOBOL, [], 120)
    assert len({key(each.parameterization) for each in whole}) == 120
    trials = [proposed(index, each) for index, each in enumerate(whole)]
    assert _continued(here, Method.SOBOL, trials[:60], 120) == whole[60:]


def test_the_points_of_fast_are_axs_own() -> None:
    design = InitialDesign(_problem(*SPACES[0]), Method.FAST, 3)
    assert design.ask() is None
    assert not design.is_all


def test_random_and_sobol_points_need_no_ax() -> None:
    for method in (Method.SOBOL, Method.RANDOM):
        assert InitialDesign(_problem(*SPACES[0]), method, 3).is_all


def test_the_first_point_is_as_far_from_every_constraint_as_can_be() -> None:
    here = problem("x=interval(0, 4)", "y=interval(0, 4)", "z=interval(0, 8)", parameter_constraints=["x + y <= 4"])
    assert constrained_centre(here.solution) == pytest.approx({"x": 4 / (2 + 2**0.5), "y": 4 / (2 + 2**0.5)})
    first = InitialDesign(here, Method.AUTO, 0).ask()
    assert first is not None
    assert first.generation_node == "CenterOfSearchSpace"
    assert first.parameterization == pytest.approx({"x": 4 / (2 + 2**0.5), "y": 4 / (2 + 2**0.5), "z": 4.0})
