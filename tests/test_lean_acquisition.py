"""The acquisition function for one candidate has BoTorch's value, and each of Ax's searches takes its options."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.models import SingleTaskGP
from botorch.sampling.normal import SobolQMCNormalSampler
from fakes import TWO_OBJECTIVES, problem

from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.bayes.lean_acquisition import LeanHypervolumeImprovement
from ax_moo.optimizer.bayes.light_search import light_search
from ax_moo.trial import Trial, TrialStatus

pytestmark = [pytest.mark.hydra_free, pytest.mark.filterwarnings("ignore:Sparse invariant checks")]

Constraint = Callable[[torch.Tensor], torch.Tensor]


def _of(kind: type, number: int, constraints: Sequence[Constraint] | None, x: torch.Tensor) -> list[torch.Tensor]:
    """The values at some points and their gradients."""
    draw = torch.Generator().manual_seed(number)
    told = torch.rand(20, 2, dtype=torch.double, generator=draw)
    outcomes = torch.stack([-told.square().sum(-1), -(told - 1).square().sum(-1)], -1)
    function = kind(
        SingleTaskGP(told, outcomes),
        torch.tensor([-1.5, -1.0], dtype=torch.double),
        told,
        sampler=SobolQMCNormalSampler(torch.Size([32]), seed=1),
        prune_baseline=False,
        constraints=constraints,
        X_pending=torch.rand(3, 2, dtype=torch.double, generator=draw),
    )
    values = function(x)
    return [values, *torch.autograd.grad(values.sum(), x)]


@pytest.mark.parametrize("constraints", [None, [lambda outcomes: outcomes[..., 0] + 0.5]], ids=["free", "constrained"])
@pytest.mark.parametrize("candidates", [1, 2])
@pytest.mark.parametrize("number", range(5))
def test_its_value_and_gradient_are_those_of_botorch(
    number: int, candidates: int, constraints: Sequence[Constraint] | None
) -> None:
    draw = torch.Generator().manual_seed(100 + number)
    x = torch.rand(8, candidates, 2, dtype=torch.double, generator=draw).requires_grad_()
    ours = _of(LeanHypervolumeImprovement, number, constraints, x)
    for mine, botorchs in zip(ours, _of(qLogNoisyExpectedHypervolumeImprovement, number, constraints, x), strict=True):
        assert torch.allclose(mine, botorchs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("search", "space"),
    [
        ("optimize_acqf", ("x=interval(0, 1)", "c=choice(p, q, r)")),
        ("optimize_acqf_mixed", ("x=interval(0, 1)", "h=range(1, 5)")),
        ("optimize_acqf_mixed_alternating", ("x=interval(0, 1)", "a=range(0, 40)", "b=range(0, 40)")),
        ("optimize_acqf_discrete", ("a=range(0, 40)", "b=range(0, 40)")),
        ("optimize_acqf_discrete_local_search", ("a=range(0, 90)", "b=range(0, 90)", "c=range(0, 90)")),
    ],
)
@pytest.mark.parametrize("is_constrained", [False, True], ids=["free", "constrained"])
def test_each_search_of_ax_takes_the_options_that_it_is_given(
    search: str, space: Sequence[str], is_constrained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = set()

    def noted(search: str, **options: bool) -> dict[str, Any]:
        used.add(search)
        return light_search(search, **options)

    monkeypatch.setattr("ax_moo.optimizer.bayes.lean_acquisition.light_search", noted)
    numbers = [each.partition("=")[0] for each in space if "choice" not in each]
    constraints = [f"{' + '.join(numbers)} <= 1000"] if is_constrained else []
    optimizer = AxOptimizer(problem(*space, objectives=TWO_OBJECTIVES, parameter_constraints=constraints), seed=0)
    for index in range(7):
        candidate = optimizer.ask(index)
        assert candidate is not None
        assert candidate.model_failed is None
        outcome = {"f": float(index % 3), "g": float(index % 4), "latency": 1.0}
        trial = Trial(index, candidate.parameterization, arm=candidate.arm).to(TrialStatus.COMPLETED, outcome=outcome)
        optimizer.tell(trial)
    assert used == {search}
