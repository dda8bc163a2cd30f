"""Defines the commands ``ax-moo wandb ...`` and their options, and imports their code when one is called."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Sweeps in Weights & Biases.", no_args_is_help=True)

ProjectName = Annotated[
    str, typer.Argument(metavar="PROJECT", help="A W&B project, or ENTITY/PROJECT.", show_default=False)
]
Entity = Annotated[str | None, typer.Option(help="The project's entity, by default yours.", show_default=False)]

SweepRun = Annotated[
    str | None,
    typer.Option(metavar="ID", help="The sweep's run, needed where a group has several.", show_default=False),
]


@app.command()
def pull(
    project: ProjectName,
    groups: Annotated[list[str], typer.Argument(metavar="GROUP...", help="Groups of runs.", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Option("-o", metavar="DIR", help="Target; several groups get a folder each in it.", show_default=False),
    ] = None,
    entity: Entity = None,
    run: SweepRun = None,
    report: Annotated[bool, typer.Option(help="Write report.html, which takes some seconds.")] = True,
) -> None:
    """Download a group's sweep from W&B into a sweep folder. Several groups are compared."""
    from ax_moo.cli import wandb_commands

    wandb_commands.pull(project, groups, folder, entity, run, report)


@app.command()
def sync(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A sweep's folder, hydra.sweep.dir.", show_default=False)
    ],
) -> None:
    """Upload the runs in a sweep's folder that W&B does not have: offline runs, and those of killed processes."""
    from ax_moo.cli import wandb_commands

    raise typer.Exit(wandb_commands.sync(folder))


@app.command()
def report(
    project: ProjectName,
    group: Annotated[str, typer.Argument(metavar="GROUP", help="The sweep's group of runs.", show_default=False)],
    entity: Entity = None,
    title: Annotated[str | None, typer.Option(help="The Report's title.", show_default=False)] = None,
    run: SweepRun = None,
) -> None:
    """Save a W&B Report: scatter plot, parallel coordinates, importances, Pareto table."""
    from ax_moo.cli import wandb_commands

    wandb_commands.publish(project, group, entity, title, run)
