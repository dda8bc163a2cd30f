"""Builds the data of the page as one JSON object: trials, frontier, timeline, curves and how to run it again."""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ax_moo.html_report.advice import advised
from ax_moo.html_report.curves import curves
from ax_moo.html_report.timeline import timeline
from ax_moo.html_report.views import views
from ax_moo.problem.frontier import hypervolume_of, hypervolume_trace, is_feasible, mean, pareto_trials, reference_point
from ax_moo.problem.problem import Problem
from ax_moo.results.notebook import in_order_of_completion
from ax_moo.results.retraining import command_of
from ax_moo.results.status import elapsed, failures, model_failures, retries, state_of, where
from ax_moo.results.tables import metric_names, trials_frame
from ax_moo.search_space.space import Choice, Fixed, Parameter, Range
from ax_moo.storage import journal
from ax_moo.storage.files import CONFIG_FILE
from ax_moo.storage.folder import SweepFolder
from ax_moo.storage.journal import PULLED
from ax_moo.sweep.nodes import avoided_nodes
from ax_moo.system.redaction import (
    command_without_secrets,
    learn_environment,
    message_without_secrets,
    note_searched,
    yaml_without_secrets,
)
from ax_moo.system.text import quoted, visible_block
from ax_moo.trial import CompletedTrial, Outcome, Trial, TrialStatus

LARGEST_EXACT = 2**53
"""The largest whole number up to which JavaScript's numbers are exact."""


def payload(sweep: SweepFolder, surrogate: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    """The page's data. Times are seconds since the epoch; ``elapsed`` times count from the sweep's start."""
    problem, trials = sweep.problem, sweep.trials
    learn_environment(os.environ)
    note_searched(problem.search_space.searched)
    reproduce = reproduction(sweep)  # first, because it finds out which values are secret
    end = now if sweep.is_swept else max([0.0, *(trial.time for trial in trials)])
    front = pareto_trials(trials, problem)
    found = {
        **_about(sweep, now),
        **_problem(problem, trials),
        **_trials(sweep),
        "frontier": [trial.index for trial in front],
        "views": views(trials, problem),
        "hypervolume": _hypervolume(sweep, front) if problem.is_multi_objective else None,
        "best": None if problem.is_multi_objective else _best(sweep, front),
        "timeline": timeline(journal.events(sweep.path), end),
        "curves": curves(sweep.path, sweep.sweep_id, trials, [objective.name for objective in problem.objectives]),
        "surrogate": advised(surrogate, problem),
        "failures": failures(trials),
        "model_failures": model_failures(trials),
        "retries": [retry for trial in trials for retry in retries(trial)],
        "avoided_nodes": list(map(dataclasses.asdict, avoided_nodes(trials, now))),
        "reproduce": reproduce,
    }
    safe: dict[str, Any] = for_javascript(found)
    return safe


def _about(sweep: SweepFolder, now: float) -> dict[str, Any]:
    about = sweep.about
    return {
        "title": sweep.path.name,
        "folder": str(sweep.path),
        "written": now,
        "state": state_of(sweep),
        "started": sweep.header.get("time"),
        "elapsed_s": elapsed(sweep, now),
        "n_trials": about.get("n_trials"),
        "n_jobs": about.get("n_jobs"),
        "method": sweep.header.get("method"),
        "seed": sweep.header.get("seed"),
        "counts": {str(status): sum(t.status is status for t in sweep.trials) for status in TrialStatus},
    }


def _problem(problem: Problem, trials: Sequence[Trial]) -> dict[str, Any]:
    return {
        "objectives": [{"name": o.name, "minimize": o.minimize, "threshold": o.threshold} for o in problem.objectives],
        "outcome_constraints": [constraint.text for constraint in problem.outcome_constraints],
        "parameter_constraints": [constraint.text for constraint in problem.parameter_constraints],
        "parameters": [_parameter(parameter) for parameter in problem.search_space.shown_parameters],
        "metrics": metric_names(trials, problem),
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    match parameter:
        case Range():
            return {
                "name": parameter.name,
                "kind": "range",
                "lower": parameter.lower,
                "upper": parameter.upper,
                "log": parameter.log_scale,
                "integer": parameter.value_type == "int",
            }
        case Choice():
            values = list(parameter.values)
            return {"name": parameter.name, "kind": "choice", "values": values, "ordered": parameter.is_ordered}
        case Fixed():
            return {"name": parameter.name, "kind": "fixed", "value": parameter.value}


def _trials(sweep: SweepFolder) -> dict[str, Any]:
    frame = trials_frame(sweep.trials, sweep.problem)
    rows = [dict(zip(frame.columns, row, strict=True)) for row in frame.astype(object).itertuples(index=False)]
    return {
        "columns": list(frame.columns),
        "trials": [_trial(trial, row, sweep) for trial, row in zip(sweep.trials, rows, strict=True)],
    }


def _trial(trial: Trial, row: Mapping[str, Any], sweep: SweepFolder) -> dict[str, Any]:
    measured = CompletedTrial.of(trial)
    outcome: Outcome = measured.outcome if measured else {}
    return {
        "trial": trial.index,
        "status": str(trial.status),
        "attempts": trial.attempt,
        "node": trial.generation_node,
        "reason": message_without_secrets(trial.reason) if trial.reason else None,
        "log": where(trial.job)["log"] if trial.status is TrialStatus.FAILED else None,
        "start": trial.start_time,
        "end": trial.end_time,
        "duration_s": row["duration_s"],
        "parameterization": sweep.problem.search_space.shown(trial.parameterization),
        "metrics": {name: mean(value) for name, value in outcome.items()},
        "sem": {name: value[1] for name, value in outcome.items() if isinstance(value, tuple)},
        "feasible": row["feasible"],
        "pareto": row["pareto"],
        "command": command_without_secrets(command_of(trial, sweep.problem, sweep.about)),
        "row": row,
    }


def _hypervolume(sweep: SweepFolder, front: Sequence[CompletedTrial]) -> dict[str, Any]:
    problem, completed = sweep.problem, in_order_of_completion(sweep.trials)
    reference = reference_point(problem, [trial.outcome for trial in front])
    signs = [-1.0 if objective.minimize else 1.0 for objective in problem.objectives]
    names = [objective.name for objective in problem.objectives]
    return {
        "value": hypervolume_of(sweep.trials, problem),
        "reference": "the thresholds" if problem.thresholds_given else "a reference point inferred from the trials",
        "reference_point": None
        if reference is None
        else {name: sign * float(value) for name, sign, value in zip(names, signs, reference, strict=True)},
        "trace": _trace(sweep, completed, hypervolume_trace(completed, problem)),
    }


def _best(sweep: SweepFolder, front: Sequence[CompletedTrial]) -> dict[str, Any]:
    (objective,) = sweep.problem.objectives
    best: float | None = None
    values: list[float | None] = []
    completed = in_order_of_completion(sweep.trials)
    for trial in completed:
        if is_feasible(trial.outcome, sweep.problem):
            value = mean(trial.outcome[objective.name])
            best = value if best is None else (min if objective.minimize else max)(best, value)
        values.append(best)
    return {
        "trial": front[0].index if front else None,
        "value": best,
        "trace": _trace(sweep, completed, values),
    }


def _trace(
    sweep: SweepFolder, completed: Sequence[CompletedTrial], values: Sequence[float | None]
) -> list[dict[str, Any]]:
    """For each completed trial: how many trials had finished by then, and the seconds since the sweep's start."""
    started = float(sweep.header["time"])
    ends = sorted(trial.end_time for trial in sweep.trials if trial.end_time is not None)
    trace, finished = [], 0
    for trial, value in zip(completed, values, strict=True):
        while finished < len(ends) and ends[finished] <= trial.time:
            finished += 1
        trace.append({"trial": trial.index, "finished": finished, "elapsed": trial.time - started, "value": value})
    return trace


def for_javascript(value: Any) -> Any:
    """The value as JSON that JavaScript reads without loss: large whole numbers are text, NaN and infinity null.

    Control characters are shown: one that turns the direction of the text around would do so in the page.
    """
    if isinstance(value, Mapping):
        return {visible_block(key): for_javascript(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [for_javascript(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_EXACT:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return visible_block(value)
    return value.item() if hasattr(value, "item") else value


def reproduction(sweep: SweepFolder) -> dict[str, Any]:
    """Commands, versions, commit and config, with secrets hidden; None where the sweep has not recorded a value."""
    about = sweep.about
    command = about.get("command")
    return {
        "command": command_without_secrets(command) if isinstance(command, str) else None,
        "resume": None if PULLED in sweep.header else f"ax-moo resume {quoted(sweep.path)}",
        "cwd": about.get("cwd"),
        "python": about.get("python"),
        "versions": about.get("versions") or {},
        "git": about.get("git"),
        "seed": sweep.header.get("seed"),
        "config": _config(sweep),
    }


def _config(sweep: SweepFolder) -> str | None:
    try:
        return yaml_without_secrets((sweep.path / CONFIG_FILE).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
