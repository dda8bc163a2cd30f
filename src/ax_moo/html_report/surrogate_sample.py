"""Which trials the report's model is made of, where there are more than it can be fitted to in a minute."""

import random
from collections.abc import Sequence

from ax_moo.problem.frontier import pareto_trials
from ax_moo.problem.problem import Problem
from ax_moo.trial import Trial

MOST_TRIALS = 200


def trials_to_model(completed: Sequence[Trial], problem: Problem, seed: int | None) -> list[Trial]:
    """All trials when they are few; else those on the frontier and a random sample of the others, in their order.

    At most half of them are from the frontier: a model needs to know the poor regions too.
    """
    if len(completed) <= MOST_TRIALS:
        return list(completed)
    draw = random.Random(seed or 0)
    front = [trial.index for trial in pareto_trials(completed, problem)]
    chosen = set(draw.sample(front, min(len(front), MOST_TRIALS // 2)))
    others = [trial.index for trial in completed if trial.index not in chosen]
    chosen |= set(draw.sample(others, MOST_TRIALS - len(chosen)))
    return [trial for trial in completed if trial.index in chosen]
