"""The acquisition function of Ax with less work for the same proposals.

Before BoTorch searches for a candidate it drops the finished trials that are not on the frontier in any of 2,048 draws
from the model. With 200 results this is a quarter of the cost of a candidate; with 256 draws it is not noticed. A trial
that is on the frontier in fewer than one of 256 draws contributes next to nothing to the expected improvement.

The sweep asks for one candidate at a time. For one, BoTorch's function has a shorter form, with the same value.
"""

import math
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch
    from ax.generators.torch.botorch_modular.acquisition import Acquisition, determine_optimizer
    from ax.generators.utils import mk_discrete_choices
    from botorch.acquisition.input_constructors import acqf_input_constructor, construct_inputs_qLogNEHVI
    from botorch.acquisition.multi_objective import logei
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.acquisition.multi_objective.utils import prune_inferior_points_multi_objective
    from botorch.utils.objective import compute_smoothed_feasibility_indicator
    from botorch.utils.safe_math import log_fatplus
    from torch import Tensor

from ax_moo.optimizer.bayes.light_search import light_search

# BoTorch would compile a C++ kernel at the first candidate. That takes half a minute, and a process that is killed
# meanwhile leaves a lock for which every later process waits for ever.
logei._load_attempted = True

DRAWS = 256

LONGEST_CELL = 1e10
"""BoTorch's length of a cell that has no upper bound."""


class LeanHypervolumeImprovement(qLogNoisyExpectedHypervolumeImprovement):
    """qLogNEHVI that chooses its baseline with fewer draws, and has fewer steps for one candidate."""

    def __init__(
        self, model: Any, ref_point: Any, X_baseline: Any, prune_baseline: bool = True, **options: Any
    ) -> None:
        if prune_baseline:
            likely = prune_inferior_points_multi_objective(
                model=model,
                X=X_baseline,
                ref_point=torch.as_tensor(ref_point).to(X_baseline),
                objective=options.get("objective"),
                constraints=options.get("constraints"),
                num_samples=DRAWS,
                marginalize_dim=options.get("marginalize_dim"),
            )
            if len(likely):
                X_baseline, prune_baseline = likely, False
        super().__init__(model, ref_point, X_baseline, prune_baseline=prune_baseline, **options)

    def _compute_log_qehvi(self, samples: Tensor, X: Tensor | None = None) -> Tensor:
        """BoTorch's value for one candidate.

        BoTorch sums over all subsets of the candidates, with a smooth minimum over each. Of one candidate there is one
        subset, and what is left is the sum over the cells of the smooth lengths that the candidate adds.

        Args:
            samples: ``draws x batch x 1 x outcomes``, of the model.
            X: ``batch x 1 x d``.

        Returns:
            The logarithm of the expected improvement, ``batch``.
        """
        objectives = self.objective(samples, X=X)
        if objectives.ndim != 4 or objectives.shape[-2] != 1 or self.cell_lower_bounds.ndim != 3 or not self.fat:
            value: Tensor = super()._compute_log_qehvi(samples=samples, X=X)
            return value
        # draws x batch x cells x objectives
        lower, upper = self.cell_lower_bounds.unsqueeze(1), self.cell_upper_bounds.unsqueeze(1)
        improvement = log_fatplus(objectives - lower, tau=self.tau_relu)
        # The cells of all draws are made equal in number by some of no length, whose logarithm has no gradient.
        lengths = (upper.clamp_max(LONGEST_CELL) - lower).clamp_min(torch.finfo(lower.dtype).tiny).log()
        areas = _smooth_minimum(improvement, lengths, self.tau_max).sum(dim=-1)
        if self.constraints is not None:
            areas = areas + compute_smoothed_feasibility_indicator(
                constraints=self.constraints, samples=samples, eta=self.eta, log=True, fat=self.fat
            )
        return areas.logsumexp(dim=(0, -1)) - math.log(len(areas))


def _smooth_minimum(a: Tensor, b: Tensor, tau: float) -> Tensor:
    """BoTorch's fatminimum, of which only the larger value has a term that is not constant."""
    apart = (a - b).abs() / tau
    return torch.minimum(a, b) - tau * (2 / (2 + 2 * apart + apart.square())).log1p()


acqf_input_constructor(LeanHypervolumeImprovement)(construct_inputs_qLogNEHVI)


class LeanAcquisition(Acquisition):
    """Ax's acquisition, with the lean function where Ax has chosen the other.

    For several objectives the search for the function's maximum is shorter, too. Ax chooses the search by the kind of
    the space, and each search has options of its own.
    """

    def __init__(self, *, botorch_acqf_class: Any, torch_opt_config: Any, **options: Any) -> None:
        if botorch_acqf_class is qLogNoisyExpectedHypervolumeImprovement:
            botorch_acqf_class = LeanHypervolumeImprovement
        self._is_light = torch_opt_config.is_moo
        super().__init__(botorch_acqf_class=botorch_acqf_class, torch_opt_config=torch_opt_config, **options)

    def optimize(self, n: int, search_space_digest: Any, **options: Any) -> tuple[Tensor, Tensor, Tensor]:
        """As Ax calls it, which gives no options of a search."""
        if self._is_light:
            choices = mk_discrete_choices(ssd=search_space_digest, fixed_features=options.get("fixed_features"))
            search = determine_optimizer(search_space_digest, acqf=self.acqf, discrete_choices=choices)
            options["optimizer_options"] = light_search(
                search, is_constrained=bool(options.get("inequality_constraints"))
            )
        found: tuple[Tensor, Tensor, Tensor] = super().optimize(n, search_space_digest, **options)
        return found
