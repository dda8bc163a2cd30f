"""Ax's generation strategy for each method."""

import warnings

from ax_moo.optimizer.base import MODEL_NODE, Method
from ax_moo.optimizer.bayes.lean_acquisition import LeanAcquisition
from ax_moo.optimizer.bayes.scheduled_fits import ScheduledFits

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.adapter.registry import Generators
    from ax.api.utils.generation_strategy_dispatch import choose_generation_strategy
    from ax.api.utils.structs import GenerationStrategyDispatchStruct
    from ax.generation_strategy.generation_strategy import GenerationNode, GenerationStrategy
    from ax.generation_strategy.generator_spec import GeneratorSpec


def baseline_strategy(method: str, seed: int | None) -> GenerationStrategy:
    """Sobol or random points, without a model."""
    generator = Generators.SOBOL if method == Method.SOBOL else Generators.UNIFORM
    spec = GeneratorSpec(generator_enum=generator, generator_kwargs={"seed": seed})
    return GenerationStrategy(
        name=method, nodes=[GenerationNode(name=method, generator_specs=[spec], should_deduplicate=True)]
    )


def ax_strategy(seed: int | None, n_initial: int | None, *, with_center: bool) -> GenerationStrategy:
    """Ax's default strategy: the centre of the space, Sobol points, and then a model."""
    return choose_generation_strategy(
        GenerationStrategyDispatchStruct(
            method="fast",
            initialization_budget=n_initial,
            initialization_random_seed=seed,
            initialize_with_center=with_center,
            # No slot waits for the first results: more Sobol points are proposed until a model has data.
            allow_exceeding_initialization_budget=True,
        )
    )


def analysis_strategy() -> GenerationStrategy:
    """A strategy that has a model of all data from the start."""
    node = GenerationNode(name=MODEL_NODE, generator_specs=[GeneratorSpec(Generators.BOTORCH_MODULAR)])
    return GenerationStrategy(name="analysis", nodes=[node])


def make_cheaper(strategy: GenerationStrategy, fits: ScheduledFits) -> None:
    """Fit the strategy's model on a schedule, and let its acquisition function do less work."""
    for spec in model_specs(strategy):
        fits.use_in(spec)
        spec.generator_kwargs["acquisition_class"] = LeanAcquisition


def model_specs(strategy: GenerationStrategy) -> list[GeneratorSpec]:
    """The specifications of the strategy's model; none if it has no model."""
    node = strategy.nodes_by_name.get(MODEL_NODE)
    return list(node.generator_specs) if node is not None else []
