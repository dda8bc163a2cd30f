"""Saves a Report in W&B about a sweep, with panels that W&B draws from the runs."""

from typing import Any

from ax_moo.problem.objectives import Objective
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import Parameter, Range
from ax_moo.system.errors import ConfigError
from ax_moo.wandb.history import TABLE
from ax_moo.wandb.project import Project, header_of, sweep_run

LONGEST_TITLE = 128
_WIDE = 24


def save_report(project: Project, group: str, title: str | None, run_id: str | None = None) -> str:
    """Save a new Report about the group's present and future runs, and return its address.

    Raises:
        ConfigError: the group holds no sweep, or several without ``run_id``; or wandb-workspaces is not installed.
    """
    wr = _import_reports()
    sweep = sweep_run(project.runs(group), run_id)
    problem = Problem.from_dict(header_of(sweep)["problem"])
    entity, _, name = project.path.rpartition("/")
    trials = wr.Runset(entity=entity, project=name, name="trials", filters=_filter(group, "trial"))
    own = wr.Runset(entity=entity, project=name, name="sweep", filters=_filter(group, "sweep"))
    report = wr.Report(
        entity=entity,
        project=name,
        title=(title or f"Pareto frontier of {group}")[:LONGEST_TITLE],
        width="fluid",
        blocks=[
            wr.P(f"Sweep {sweep.id}: {', '.join(map(_goal, problem.objectives))}."),
            wr.PanelGrid(runsets=[trials], panels=_trial_panels(wr, problem)),
            wr.PanelGrid(
                runsets=[own],
                panels=[wr.WeavePanelSummaryTable(table_name=TABLE, layout=wr.Layout(w=_WIDE, h=10))],
            ),
        ],
    )
    return str(report.save().url)


def _trial_panels(wr: Any, problem: Problem) -> list[Any]:
    objectives = problem.objectives
    first = wr.SummaryMetric(objectives[0].name)
    # A single objective is plotted against the trials' numbers.
    against = wr.SummaryMetric(objectives[1].name) if problem.is_multi_objective else wr.Config("trial")
    columns = [_parameter_axis(wr, parameter) for parameter in problem.search_space.parameters]
    columns += [_objective_axis(wr, objective) for objective in objectives]
    half = _WIDE // 2
    return [
        wr.ScatterPlot(x=against, y=first, layout=wr.Layout(x=0, y=0, w=half, h=10)),
        wr.ParameterImportancePlot(with_respect_to=objectives[0].name, layout=wr.Layout(x=half, y=0, w=half, h=10)),
        wr.ParallelCoordinatesPlot(columns=columns, layout=wr.Layout(x=0, y=10, w=_WIDE, h=10)),
    ]


def _parameter_axis(wr: Any, parameter: Parameter) -> Any:
    is_log = isinstance(parameter, Range) and parameter.log_scale
    return wr.ParallelCoordinatesPlotColumn(metric=wr.Config(parameter.name), display_name=parameter.name, log=is_log)


def _objective_axis(wr: Any, objective: Objective) -> Any:
    """The axis of an objective, with better values at the top."""
    metric = wr.SummaryMetric(objective.name)
    return wr.ParallelCoordinatesPlotColumn(metric=metric, display_name=objective.name, inverted=objective.minimize)


def _goal(objective: Objective) -> str:
    threshold = "" if objective.threshold is None else f" (threshold {objective.threshold:g})"
    return f"{'minimize' if objective.minimize else 'maximize'} {objective.name}{threshold}"


def _filter(group: str, job_type: str) -> str:
    return f'Metric("Group") == {_literal(group)} and Metric("JobType") == {_literal(job_type)}'


def _literal(text: str) -> str:
    """The text as a literal with escapes, because wandb-workspaces reads =, < and > as operators even in quotes."""
    return '"' + "".join(c if c.isalnum() or c in " _-./" else f"\\U{ord(c):08x}" for c in text) + '"'


def _import_reports() -> Any:
    try:
        import wandb_workspaces.reports.v2 as reports
    except ImportError:
        raise ConfigError("wandb-workspaces is not installed; pip install 'hydra-ax-moo[wandb]'") from None
    return reports
