"""A sweep of W&B's own kind that all trials belong to, for its parallel coordinates and importances."""

from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Choice, Fixed, Parameter, Range
from ax_moo.wandb.project import Project, sweep_run, trial_runs


def create_sweep(wandb: Any, problem: Problem, name: str, project: str, entity: str) -> str:
    """The id of a new sweep. No agent works for it: runs are put into it."""
    return str(wandb.sweep(sweep_config(problem, name), project=project, entity=entity))


def add_trials(project: Project, group: str, run_id: str, sweep: str, name: str, problem: Problem) -> list[str]:
    """Put the trials' runs that did not join the sweep by themselves into it; their ids."""
    runs = project.runs(group)
    missing = [run.id for run in trial_runs(runs, sweep_run(runs, run_id)).values() if not run.sweep_name]
    if missing:
        _add(project, sweep, sweep_config(problem, name), missing)
    return missing


def _add(project: Project, sweep: str, config: dict[str, Any], runs: list[str]) -> None:
    # wandb.sweep(prior_runs=...) does this for a new sweep, and has no way to name one that is there.
    from wandb.apis.public.sweeps import _upsert_sweep

    entity, name = project.path.split("/")
    there = project.api.sweep(f"{project.path}/{sweep}")
    _upsert_sweep(project.api, config, obj_id=there._attrs["id"], project=name, entity=entity, prior_runs=runs)


def sweep_config(problem: Problem, name: str) -> dict[str, Any]:
    """The problem in the words of W&B's sweeps, which know one objective: the first one."""
    first = problem.objectives[0]
    parameters: dict[str, Any] = {}
    for parameter in problem.search_space.parameters:
        _put(parameters, parameter.name, _values(parameter))
    return {
        "name": name,
        "method": "custom",
        "metric": {"name": first.name, "goal": "minimize" if first.minimize else "maximize"},
        "parameters": parameters,
    }


def _put(parameters: dict[str, Any], name: str, values: dict[str, Any]) -> None:
    """A dotted key is a place in the run's config, which is nested."""
    *nodes, leaf = name.split(".")
    for node in nodes:
        parameters = parameters.setdefault(node, {}).setdefault("parameters", {})
    parameters[leaf] = values


def _values(parameter: Parameter) -> dict[str, Any]:
    match parameter:
        case Range(step=None):
            distribution = _distribution(parameter)
            return {"distribution": distribution, "min": parameter.lower, "max": parameter.upper}
        case Range():
            return {"values": list(parameter.values())}
        case Choice():
            return {"values": list(parameter.values)}
        case Fixed():
            return {"value": parameter.value}


def _distribution(parameter: Range) -> str:
    if parameter.log_scale:
        return "q_log_uniform_values" if parameter.value_type == "int" else "log_uniform_values"
    return "int_uniform" if parameter.value_type == "int" else "uniform"
