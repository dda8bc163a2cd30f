"""How long the maximum of an acquisition function of several objectives is searched for.

Ax chooses the search by the kind of the space. Each search has options of its own and refuses those of the others. With
these the candidates reach the hypervolume of Ax's own, with a part of the work (benchmarks/quality.py). With fewer
draws of the model, or an earlier end of the search by its tolerance, they do not.
"""

import copy
from collections.abc import Mapping
from typing import Any

_START = {"num_restarts": 4, "raw_samples": 96}
_STEPS = {"maxiter": 40, "init_batch_limit": 96}

_SEARCHES: Mapping[str, Mapping[str, Any]] = {
    "optimize_acqf": {**_START, "options": _STEPS, "retry_on_optimization_warning": False},
    "optimize_acqf_mixed": {**_START, "options": _STEPS, "retry_on_optimization_warning": False},
    "optimize_acqf_mixed_alternating": {
        "num_restarts": 4,
        "raw_samples": 256,
        "options": {"maxiter_alternating": 16},
    },
    "optimize_acqf_discrete_local_search": {"num_restarts": 4, "raw_samples": 256},
}

_WITH_WALK = ("optimize_acqf", "optimize_acqf_mixed")
SHORT_WALK = {"n_burnin": 1000, "n_thinning": 4}
"""In a constrained space a random walk finds the starting points; it has an eighth of its default length here."""


def light_search(search: str, *, is_constrained: bool) -> dict[str, Any]:
    """The options of one of Ax's searches, by its name; none for a search that is not known here."""
    options = copy.deepcopy(dict(_SEARCHES.get(search, {})))
    if is_constrained and search in _WITH_WALK:
        options["options"] |= SHORT_WALK
    return options
