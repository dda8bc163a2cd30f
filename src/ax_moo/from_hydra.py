"""A sweep as Hydra's config describes it: checked, run, and written down for people."""

import dataclasses
import logging
import random
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo import journal
from ax_moo.candidate import AskTell
from ax_moo.console import console_observer
from ax_moo.errors import ConfigError
from ax_moo.jobs import AsyncLauncher
from ax_moo.problem import Problem
from ax_moo.results import write_results
from ax_moo.search_space import Choice, Fixed, Range, SearchSpace
from ax_moo.settings import Settings
from ax_moo.summary import closing_lines, frontier_table
from ax_moo.sweep import Ending, Sweep

log = logging.getLogger(__name__)

INTERRUPTED = 130


def run(config: DictConfig, loader: ConfigLoader, launcher: AsyncLauncher, arguments: Sequence[str]) -> int:
    """Run the sweep of a composed Hydra config; the exit code.

    Raises:
        ConfigError: for every mistake that can be seen before the first job is submitted.
    """
    options = _options(config)
    space = SearchSpace.from_config(options["params"], arguments, loader)
    problem = Problem.from_config(
        space, options["objectives"], options["outcome_constraints"], options["parameter_constraints"]
    )
    settings = Settings.from_config(options, space, problem.parameter_constraints)
    _check_composes(config, loader, space)
    launcher.check()
    folder = _fresh_folder(config)
    if settings.seed is None:
        settings = dataclasses.replace(settings, seed=random.SystemRandom().randrange(2**31))
    observer = console_observer(settings.progress)
    sweep = Sweep(
        problem,
        settings,
        launcher,
        folder,
        optimizer=lambda: _optimizer(problem, settings),
        observers=[observer] if observer else [],
        about=_about(config, settings),
    )
    try:
        ending = sweep.run()
    except KeyboardInterrupt:
        _say_interrupted(sweep, folder, problem)
        return INTERRUPTED
    _say_ending(ending, folder, problem)
    return 0 if ending.succeeded else 1


def _options(config: DictConfig) -> dict[str, Any]:
    try:
        options: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"hydra.sweeper: {_first_line(error)}") from None
    return {str(key): value for key, value in options.items() if key != "_target_"}


def _check_composes(config: DictConfig, loader: ConfigLoader, space: SearchSpace) -> None:
    """Compose one job's config, so that an override that does not fit the application is found before any job."""
    overrides = space.to_overrides({p.name: _example(p) for p in space.parameters})
    try:
        loader.load_sweep_config(config, list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(
            f"the application's config does not take the overrides of a trial ({' '.join(overrides)}): "
            f"{_first_line(error)}. Mend the key or the values in hydra.sweeper.params or on the command line; a key "
            "that the config does not have takes + before it"
        ) from None
    for parameter in space.parameters:
        _check_options(loader, parameter)


def _check_options(loader: ConfigLoader, parameter: Range | Choice | Fixed) -> None:
    """A choice among a config group's options names only options that exist."""
    if not isinstance(parameter, Choice):
        return
    options = loader.get_group_options(parameter.name.split("@")[0])
    unknown = [value for value in parameter.values if options and value not in (*options, None)]
    if unknown and not any(isinstance(value, list) for value in unknown):
        raise ConfigError(
            f"{parameter.name}: the config group has no option {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(options)}"
        )


def _example(parameter: Range | Choice | Fixed) -> Any:
    match parameter:
        case Range():
            return parameter.lower
        case Choice():
            return parameter.values[0]
        case Fixed():
            return parameter.value


def _fresh_folder(config: DictConfig) -> Path:
    """The sweep folder, with Hydra's multirun.yaml in it."""
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    if journal.header(folder) is not None:
        raise ConfigError(
            f"hydra.sweep.dir: {folder} holds a sweep already; name another folder (hydra.sweep.dir=..., in this "
            "project's application sweep_name=...), or remove this one"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(config, folder / "multirun.yaml")
    except OSError as error:
        raise ConfigError(f"hydra.sweep.dir: cannot write to {folder}: {error.strerror}") from None
    return folder


def _optimizer(problem: Problem, settings: Settings) -> AskTell:
    # Ax takes seconds to import, and a broken one must not be noticed before there is a sweep.
    from ax_moo.optimizer import Optimizer

    return Optimizer(problem, settings.method, settings.seed, settings.n_initial, settings.initial)


def _about(config: DictConfig, settings: Settings) -> Mapping[str, Any]:
    return {
        "seed": settings.seed,
        "method": settings.method,
        "n_trials": settings.n_trials,
        "n_jobs": settings.n_jobs,
        "command": shlex.join([sys.executable, *sys.argv]),
        "cwd": str(config.hydra.runtime.cwd),
    }


def _say_ending(ending: Ending, folder: Path, problem: Problem) -> None:
    files = write_results(folder, ending.trials, problem)
    _print_frontier(ending, problem)
    for line in closing_lines(ending.trials, problem):
        print(line)
    print(f"files in {folder}: {', '.join(path.name for path in files)}, {journal.JOURNAL_FILE}, 0/ 1/ 2/ ...")
    if not ending.succeeded:
        print(f"the sweep failed: {ending.why}", file=sys.stderr)


def _print_frontier(ending: Ending, problem: Problem) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 200)
    table = frontier_table(ending.trials, problem)
    if table.row_count:
        console.print(table)


def _say_interrupted(sweep: Sweep, folder: Path, problem: Problem) -> None:
    write_results(folder, journal.trials(folder), problem)
    jobs = [trial.job.job_id for trial in sweep.running if trial.job]
    still = f"; these jobs keep running: {', '.join(jobs)}" if jobs else "; no job is running"
    print(
        f"interrupted: no new trials were started{still}. Their logs are in {folder / '.submitit'}",
        file=sys.stderr,
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
