"""Makes the table of a sweep's trials, and writes trials.csv and optimization_results.yaml."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from ax_moo.problem.frontier import is_feasible, mean, pareto_trials
from ax_moo.problem.problem import Problem
from ax_moo.results.retraining import fixed_overrides, given_overrides
from ax_moo.results.spreadsheet import to_csv
from ax_moo.storage.journal import JOURNAL_FILE, header, id_of
from ax_moo.system.disk import replace_file
from ax_moo.system.redaction import override_without_secrets
from ax_moo.trial import CompletedTrial, Trial, completed

if TYPE_CHECKING:
    import pandas as pd

TRIALS_FILE = "trials.csv"
RESULTS_FILE = "optimization_results.yaml"
COLUMNS = ("trial", "status", "generation_node", "job_id", "start_time", "end_time", "duration_s")


def trials_frame(trials: Sequence[Trial], problem: Problem) -> "pd.DataFrame":
    """One row per trial: COLUMNS, a column per parameter and per metric, feasible, pareto.

    A metric's SEM, where there is one, is in ``<metric>_sem``. If attempts may differ in their resources, the last
    columns are ``attempt`` and what was requested for it, such as ``requested_mem_gb``. A parameter or metric whose
    name is already taken gets the prefix ``param.`` or ``metric.``.
    """
    import pandas as pd

    front = {trial.index for trial in pareto_trials(trials, problem)}
    parameters = [p.name for p in problem.search_space.parameters]
    metrics = metric_names(trials, problem)
    requested = _requested_columns(trials)
    taken = {*COLUMNS, "feasible", "pareto", *requested}
    parameter_columns = _free_names(parameters, taken, "param.")
    metric_columns = _free_names(metrics, {*taken, *parameter_columns.values()}, "metric.")
    sem_columns = _free_names([f"{name}_sem" for name in metrics], {*parameter_columns.values(), *metrics}, "sem.")
    rows = []
    for trial in trials:
        row = _about(trial)
        point = problem.search_space.shown(trial.parameterization)
        row |= {parameter_columns[name]: point.get(name) for name in parameters}
        measured = CompletedTrial.of(trial)
        row |= _measured(measured, metric_columns, sem_columns) if measured else {}
        row["feasible"] = is_feasible(measured.outcome, problem) if measured else None
        row["pareto"] = trial.index in front
        row |= _requested(trial) if requested else {}
        rows.append({_encodable(name): _encodable(value) for name, value in row.items()})
    sems = [column for column in sem_columns.values() if any(_encodable(column) in row for row in rows)]
    columns = [*COLUMNS, *parameter_columns.values(), *metric_columns.values(), *sems, "feasible", "pareto", *requested]
    return pd.DataFrame(rows, columns=list(map(_encodable, columns)), dtype=object).infer_objects()


def optimization_results(
    trials: Sequence[Trial], problem: Problem, given: Mapping[int, Sequence[str]] = MappingProxyType({})
) -> dict[str, Any]:
    """The frontier in the form of optimization_results.yaml; with one objective also the best trial.

    ``fixed`` are the overrides beside the parameters, where there are any: those of the first solution, and of each one
    that has none of its own. ``given`` are those of jobs, which may differ where the sweep was resumed.
    """
    front = pareto_trials(trials, problem)
    fixed = [fixed_overrides(problem, given.get(trial.index)) for trial in front] or [fixed_overrides(problem)]
    solutions: list[dict[str, Any]] = [
        {
            "trial": trial.index,
            "params": problem.search_space.shown(trial.parameterization),
            "values": {o.name: mean(trial.outcome[o.name]) for o in problem.objectives},
            **({"fixed": list(map(override_without_secrets, own))} if own != fixed[0] else {}),
        }
        for trial, own in zip(front, fixed, strict=False)
    ]
    results: dict[str, Any] = {"name": "ax_moo", "solutions": solutions}
    if not problem.is_multi_objective and solutions:
        results["best_evaluated_params"] = solutions[0]["params"]
        results["best_evaluated_result"] = solutions[0]["values"][problem.objectives[0].name]
    if fixed[0]:
        results["fixed"] = [override_without_secrets(each) for each in fixed[0]]
    return results


def write_results(folder: Path, trials: Sequence[Trial], problem: Problem) -> list[Path]:
    """Write trials.csv and optimization_results.yaml."""
    table, results = folder / TRIALS_FILE, folder / RESULTS_FILE
    replace_file(table, to_csv(trials_frame(trials, problem)))
    front = [trial.index for trial in pareto_trials(trials, problem)]
    given = given_overrides(folder, id_of(header(folder) or {}), front)
    text = yaml.dump(
        optimization_results(trials, problem, given), Dumper=_PlainDumper, sort_keys=False, allow_unicode=True
    )
    replace_file(results, text)
    return [table, results]


def is_written(folder: Path) -> bool:
    """Whether both files exist and are not older than the journal."""
    journal_time = (folder / JOURNAL_FILE).stat().st_mtime
    paths = (folder / TRIALS_FILE, folder / RESULTS_FILE)
    return all(path.exists() and path.stat().st_mtime >= journal_time for path in paths)


class _PlainDumper(yaml.SafeDumper):
    """Writes a value that occurs twice in full, and not as a YAML alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _about(trial: Trial) -> dict[str, Any]:
    start, end = trial.start_time, trial.end_time
    return {
        "trial": trial.index,
        "status": str(trial.status),
        "generation_node": trial.generation_node,
        "job_id": trial.job.job_id if trial.job else None,
        "start_time": _iso(start),
        "end_time": _iso(end),
        "duration_s": round(end - start, 3) if start is not None and end is not None else None,
    }


def _requested_columns(trials: Sequence[Trial]) -> list[str]:
    """The columns of a sweep in which the resources of attempts may differ."""
    return list(
        dict.fromkeys(name for trial in trials for name in _requested(trial) if trial.job and trial.job.request)
    )


def _requested(trial: Trial) -> dict[str, Any]:
    request = trial.job.request if trial.job else {}
    return {"attempt": trial.attempt, **{f"requested_{key}": _cell(value) for key, value in request.items()}}


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def _measured(trial: CompletedTrial, columns: dict[str, str], sem_columns: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in trial.outcome.items():
        row[columns[name]] = mean(value)
        if isinstance(value, tuple):
            row[sem_columns[f"{name}_sem"]] = value[1]
    return row


def metric_names(trials: Sequence[Trial], problem: Problem) -> list[str]:
    """The problem's metrics, then the other metrics that trials returned, in the order of their first appearance."""
    return list(dict.fromkeys([*problem.metric_names, *(name for t in completed(trials) for name in t.outcome)]))


def _encodable(value: Any) -> Any:
    """The text with escapes for lone surrogates, which pandas cannot encode; invalid UTF-8 leaves them in a text."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _free_names(names: Sequence[str], taken: set[str], prefix: str) -> dict[str, str]:
    return {name: f"{prefix}{name}" if name in taken else name for name in names}


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
