"""Defines the commands of ``ax-moo`` and their options, and imports a command's module when it is called."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from ax_moo.cli import wandb
from ax_moo.cli.mistakes import without_secrets_of
from ax_moo.system import working_folder
from ax_moo.system.errors import ConfigError
from ax_moo.system.log_records import make_visible
from ax_moo.system.terminal import never_fail, say_as_error, why_lost

MISTAKE = 2
INTERRUPTED = 130

_OfWords: Any = typer.BadParameter.mro()[2]
"""ClickException, for words that are no command's: that of click, or of its copy in newer releases of typer."""


class _Commands(TyperGroup):
    """Prints only the message of a user's mistake, and ends the command with code 2."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **kwargs: Any) -> Any:
        never_fail()
        records = make_visible()
        before, records.first = records.first, without_secrets_of(sys.argv[1:] if args is None else args)
        self._shown = records.first
        try:
            return super().main(args, *others, **kwargs)
        finally:
            records.first = before

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                _check_written()
        except ConfigError as error:
            self._end(ctx, str(error))
        except PermissionError as error:  # most such files are named by a ConfigError; this is any other one
            what = f"{error.filename} cannot be read or written" if error.filename else "a file cannot be used"
            self._end(ctx, f"{what}: {error.strerror or error}")
        except FileNotFoundError:  # of a path that is relative
            if not working_folder.is_gone():
                raise
            self._end(ctx, f"{working_folder.GONE}; {working_folder.REMEDY}")
        except _OfWords as error:
            error.message = self._shown(error.message)
            raise
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    def _end(self, ctx: Any, message: str) -> NoReturn:
        say_as_error(f"ax-moo {ctx.invoked_subcommand}: {self._shown(message)}")
        raise typer.Exit(MISTAKE) from None


def _check_written() -> None:
    """Refuse to end as if all was well where the disk of the output is full; a reader may leave when it likes."""
    sys.stdout.flush()
    if (error := why_lost()) is not None:
        raise ConfigError(f"standard output cannot be written to: {error.strerror}")


app = typer.Typer(
    cls=_Commands,
    help="Follow, show, stop and resume sweeps of hydra/sweeper=ax_moo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(wandb.app, name="wandb")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The sweep's folder, hydra.sweep.dir.", show_default=False)]

Trust = Annotated[bool, typer.Option("--trust", help="Also for a folder that another user owns or could have written.")]


@app.callback()
def _main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)


@app.command()
def status(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Print again every 2 s until the sweep has ended.")] = False,
) -> None:
    """Print trials by status, running jobs, frontier, hypervolume, and failures with their logs."""
    from ax_moo.cli import status

    status.status(folder, as_json, watch)


@app.command()
def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option("-o", metavar="FILE", help="The page's file, by default DIR/report.html.")
    ] = None,
) -> None:
    """Write the sweep as one self-contained HTML page."""
    from ax_moo.cli import export

    export.report(folder, out)


@app.command()
def export(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option("-o", metavar="FILE", help="A file that ends in .csv, .json or .parquet.")
    ] = None,
    best: Annotated[
        bool, typer.Option("--best", help="Print the command line of the best trial's training instead.")
    ] = False,
    trial: Annotated[int | None, typer.Option(metavar="N", help="The same of trial N.", show_default=False)] = None,
) -> None:
    """Write the trials, one per row; without -o as CSV to standard output."""
    if best or trial is not None:
        from ax_moo.cli import best as best_trial

        best_trial.print_command(folder, trial, out)
        return
    from ax_moo.cli import export

    export.export(folder, out)


@app.command()
def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR DIR...", help="Sweep folders.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("-o", metavar="FILE", help="The curves: a page (.html) or a table (.csv).")
    ] = None,
) -> None:
    """Compare the hypervolume of several sweeps, or the best values of one objective, over trials and wall time."""
    from ax_moo.cli import compare

    compare.compare_folders(folders, out)


@app.command()
def stop(
    folder: Folder,
    now: Annotated[
        bool, typer.Option("--now", help="Cancel the running trials, and wait until they are gone.")
    ] = False,
    trust: Trust = False,
) -> None:
    """Start no new trials: running ones finish, and then the sweep ends."""
    from ax_moo.cli import stop

    stop.stop(folder, now, trust)


@app.command()
def resume(folder: Folder, trust: Trust = False) -> None:
    """Run the sweep's command again, in its own working directory."""
    from ax_moo.cli import resume

    resume.resume(folder, trust)


@app.command()
def migrate(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="The other sweeper's config.")],
    out: Annotated[Path | None, typer.Option("-o", metavar="FILE", help="Where to write ours.")] = None,
) -> None:
    """Rewrite a config of the Optuna, Ax or Nevergrad sweeper as one of hydra/sweeper=ax_moo."""
    from ax_moo.cli import migrate

    migrate.migrate(config, out)


@app.command(context_settings={"allow_interspersed_args": False})
def submit(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="python train.py -m ...")],
    partition: str | None = None,
    account: str | None = None,
    qos: str | None = None,
    time: Annotated[int | None, typer.Option(help="The job's time limit in minutes.")] = None,
    cpus: int = 2,
    mem_gb: float = 4,
    name: str = "ax-moo",
    signal_delay_s: Annotated[
        int, typer.Option(help="Seconds before the limit at which the job requeues itself.")
    ] = 120,
    setup: Annotated[list[str] | None, typer.Option(help="A line of shell before the job; may be repeated.")] = None,
) -> None:
    """Run a sweep as a small Slurm job that requeues and resumes itself at its time limit."""
    from ax_moo.cli import submit

    resources = {
        "partition": partition,
        "account": account,
        "qos": qos,
        "timeout_min": time,
        "cpus_per_task": cpus,
        "mem_gb": mem_gb,
        "name": name,
        "signal_delay_s": signal_delay_s,
        "setup": setup or [],
    }
    submit.submit(command, resources)


@app.command()
def doctor(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A sweep's folder: what is wrong with its files.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check what works on this machine, or what is wrong in DIR, and say what to do about it."""
    if folder is not None:
        from ax_moo.cli.doctor_folder import doctor_folder

        raise typer.Exit(doctor_folder(folder, as_json))
    from ax_moo.cli import doctor

    raise typer.Exit(doctor.doctor(as_json))
