"""A bound against an objective's direction is an outcome constraint, wherever the sweep asks what is feasible."""

from collections.abc import Sequence

import pytest
from fakes import problem

from ax_moo.html_report.surrogate_model import Model
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.problem.best_so_far import BestSoFar
from ax_moo.problem.frontier import hypervolume_of, pareto_trials
from ax_moo.problem.problem import Problem
from ax_moo.results.tables import optimization_results, trials_frame
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

OBJECTIVES = {"acc": {"direction": "maximize"}, "flops": {"direction": "minimize"}}
AT_LEAST_20 = problem("w=interval(0, 100)", objectives=OBJECTIVES, outcome_constraints=["flops >= 20"])


def _measured(index: int, flops: float, acc: float = 0.5) -> Trial:
    return Trial(index, {"w": flops}).to(TrialStatus.COMPLETED, outcome={"acc": acc, "flops": flops})


def test_it_is_kept_in_the_frontier_the_tables_and_the_hypervolume() -> None:
    trials = [_measured(0, 10.0, 0.9), _measured(1, 20.0), _measured(2, 30.0), _measured(3, 19.9)]
    assert [trial.index for trial in pareto_trials(trials, AT_LEAST_20)] == [1]
    assert [trial.index for trial in BestSoFar(AT_LEAST_20, trials).front] == [1]
    assert list(trials_frame(trials, AT_LEAST_20)["feasible"]) == [False, True, True, False]
    assert [each["trial"] for each in optimization_results(trials, AT_LEAST_20)["solutions"]] == [1]
    assert hypervolume_of(trials, AT_LEAST_20) == hypervolume_of([trials[1]], AT_LEAST_20)


def test_it_is_read_from_the_journal_as_it_was_written() -> None:
    assert Problem.from_dict(AT_LEAST_20.to_dict()) == AT_LEAST_20
    assert AT_LEAST_20.bounded_objectives == {"flops"}
    assert AT_LEAST_20.metric_names == ("acc", "flops")


def _sweep(here: Problem, n_trials: int) -> Sequence[Trial]:
    """The trials of a search whose best value without the bound is w=0."""
    optimizer, trials = AxOptimizer(here, seed=3), []
    for index in range(n_trials):
        candidate = optimizer.ask(index)
        assert candidate
        assert candidate.model_failed is None
        width = candidate.parameterization["w"]
        outcome = {name: {"acc": (width / 100) ** 0.5}.get(name, float(width)) for name in here.metric_names}
        trials.append(
            Trial(index, candidate.parameterization, generation_node=candidate.generation_node).to(
                TrialStatus.COMPLETED, outcome=outcome
            )
        )
        optimizer.tell(trials[-1])
    return trials


@pytest.mark.slow
def test_candidates_of_the_model_keep_it() -> None:
    trials = _sweep(AT_LEAST_20, 10)
    modelled = [trial for trial in trials if trial.generation_node == "MBM"]
    assert len(modelled) >= 4
    assert sum(trial.parameterization["w"] >= 19 for trial in modelled) >= len(modelled) - 1
    model = Model(AT_LEAST_20, "auto", 3, trials)
    assert model.metrics == ["acc", "flops"]
    assert set(model.cross_validation()) == {"acc", "flops"}


@pytest.mark.slow
def test_with_one_objective_the_search_ends_at_the_bound() -> None:
    here = problem("w=interval(0, 100)", outcome_constraints=["objective >= 20"])
    trials = _sweep(here, 8)
    (best, *_) = pareto_trials(trials, here)
    assert 20 <= best.parameterization["w"] < 24
