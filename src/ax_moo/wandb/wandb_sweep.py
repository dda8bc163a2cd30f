"""Creates a sweep of W&B's own kind for the trials, so that W&B shows its parallel coordinates and importances."""

from collections.abc import Mapping
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Choice, Fixed, Parameter, Range
from ax_moo.wandb.project import Project


def create_sweep(wandb: Any, problem: Problem, name: str, project: str, entity: str) -> str:
    """Create a W&B sweep and return its id. It has no agent: the trials' runs are added to it."""
    return str(wandb.sweep(sweep_config(problem, name), project=project, entity=entity))


def add_trials(project: Project, runs: Mapping[int, Any], sweep: str, name: str, problem: Problem) -> list[str]:
    """Add the trials' ``runs`` that did not join the W&B sweep by themselves, and return their ids."""
    missing = [run.id for run in runs.values() if not run.sweep_name]
    if missing:
        _add(project, sweep, sweep_config(problem, name), missing)
    return missing


def _add(project: Project, sweep: str, config: dict[str, Any], runs: list[str]) -> None:
    # wandb.sweep(prior_runs=...) does this for a new sweep only, and cannot name an existing one.
    from wandb.apis.public.sweeps import _upsert_sweep

    entity, name = project.path.split("/")
    there = project.api.sweep(f"{project.path}/{sweep}")
    _upsert_sweep(project.api, config, obj_id=there._attrs["id"], project=name, entity=entity, prior_runs=runs)


def sweep_config(problem: Problem, name: str) -> dict[str, Any]:
    """The problem as the config of a W&B sweep, which has one objective: the problem's first."""
    first = problem.objectives[0]
    parameters: dict[str, Any] = {}
    for parameter in problem.search_space.shown_parameters:
        _put(parameters, parameter.name, _values(parameter))
    return {
        "name": name,
        "method": "custom",
        "metric": {"name": first.name, "goal": "minimize" if first.minimize else "maximize"},
        "parameters": parameters,
    }


def _put(parameters: dict[str, Any], name: str, values: dict[str, Any]) -> None:
    """Put the values of a dotted key into the nested parameters."""
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
