"""What to do about a model that predicts a metric badly, in a sentence or two, from what is known of the trials."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median, pstdev
from typing import Any

from ax_moo.html_report.views import view
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Fixed, Range

LOW_R2 = 0.5
TRIALS_PER_PARAMETER = 4
FEWEST_TRIALS = 16
ORDERS_OF_MAGNITUDE = 100
NOISY = 0.4
MOST_SENTENCES = 2


def advised(surrogate: Mapping[str, Any] | None, problem: Problem) -> dict[str, Any] | None:
    """The analyses, and for each metric that the model predicts badly the ``advice``."""
    if surrogate is None:
        return None
    metrics = {
        metric: {**model, "advice": advice(model.get("cross_validation"), problem)}
        for metric, model in surrogate.get("metrics", {}).items()
    }
    return {**surrogate, "metrics": metrics}


def advice(validation: Mapping[str, Any] | None, problem: Problem) -> str | None:
    """At most two sentences, the surest first, or None where the model predicts well or was not validated."""
    if not validation:
        return None
    if validation["r2"] is None:
        return "All trials have the same value: there is nothing to learn, so check what the application returns."
    if validation["r2"] >= LOW_R2:
        return None
    reasons: list[Callable[[Mapping[str, Any], Problem], Iterator[str]]] = [_coarse, _outliers, _few, _log, _noise]
    found = [sentence for reason in reasons for sentence in reason(validation, problem)]
    return " ".join(found[:MOST_SENTENCES]) or _unknown(len(validation["observed"]))


def _coarse(validation: Mapping[str, Any], problem: Problem) -> Iterator[str]:
    values = len(set(validation["observed"]))
    if values <= max(2, len(validation["observed"]) // 10):
        yield (
            f"The trials have only {values} different values: choose a metric that tells them apart, such as a loss "
            "instead of an accuracy, or measure on more data."
        )


def _outliers(validation: Mapping[str, Any], problem: Problem) -> Iterator[str]:
    region = view(validation["observed"])
    if region is None:
        return
    far = sum(not region[0] <= value <= region[1] for value in validation["observed"])
    trials = "One trial lies" if far == 1 else f"{far} trials lie"
    remedy = "narrow the ranges that lead there"
    if min(validation["observed"]) > 0 and max(validation["observed"]) > ORDERS_OF_MAGNITUDE * region[1]:
        remedy += ", or return the metric's logarithm"
    yield f"{trials} far from all others, which the model cannot follow: {remedy}."


def _few(validation: Mapping[str, Any], problem: Problem) -> Iterator[str]:
    trials, parameters = len(validation["observed"]), len(_searched(problem))
    if trials < max(FEWEST_TRIALS, TRIALS_PER_PARAMETER * parameters):
        several = "one parameter" if parameters == 1 else f"{parameters} parameters"
        yield f"{trials} trials are few for {several}: raise n_trials and start the same command again."


def _log(validation: Mapping[str, Any], problem: Problem) -> Iterator[str]:
    wide = [
        parameter.name
        for parameter in _searched(problem)
        if isinstance(parameter, Range)
        and not parameter.log_scale
        and 0 < parameter.lower <= parameter.upper / ORDERS_OF_MAGNITUDE
    ]
    if wide:
        yield f"{_listed(wide)} over orders of magnitude: search on a logarithmic scale, tag(log, interval(...))."


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} ranges"
    return f"{', '.join(names[:-1])} and {names[-1]} range" if len(names) < 4 else f"{len(names)} parameters range"


def _noise(validation: Mapping[str, Any], problem: Problem) -> Iterator[str]:
    # 1.96 standard errors
    intervals = [half / 1.96 for half in validation["observed_ci"] if half]
    if intervals and median(intervals) > NOISY * pstdev(validation["observed"]):
        yield "The standard errors are as large as the differences: average each trial over more seeds or more data."


def _unknown(trials: int) -> str:
    return (
        f"{trials} trials did not show what the metric depends on: run some of them again with other seeds to see how "
        "much is chance, and search fewer parameters or narrower ranges."
    )


def _searched(problem: Problem) -> list[Any]:
    return [parameter for parameter in problem.search_space.parameters if not isinstance(parameter, Fixed)]
