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
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo import journal, lock
from ax_moo.candidate import AskTell
from ax_moo.console import console_observer
from ax_moo.errors import ConfigError
from ax_moo.job_config import check_composes, first_line
from ax_moo.jobs import AsyncLauncher
from ax_moo.problem import Problem
from ax_moo.results import write_results
from ax_moo.rounds import RoundsLauncher
from ax_moo.search_space import SearchSpace
from ax_moo.settings import Settings
from ax_moo.summary import closing_lines, frontier_table
from ax_moo.sweep import Ending, Sweep
from ax_moo.trial import TrialStatus

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
    check_composes(config, loader, space, arguments)
    launcher.check()
    folder = _sweep_folder(config)
    with lock.held(folder):
        _begin_afresh(folder, config)
        return _run(problem, settings, launcher, folder, config)


def _run(problem: Problem, settings: Settings, launcher: AsyncLauncher, folder: Path, config: DictConfig) -> int:
    if launcher.max_jobs is not None and launcher.max_jobs < settings.n_jobs and not launcher.in_rounds:
        log.info("n_jobs=%d is lowered to %d, one job for each GPU", settings.n_jobs, launcher.max_jobs)
    if isinstance(launcher, RoundsLauncher):
        log.warning("%s; hydra/launcher=async_local keeps n_jobs running", launcher.manner)
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
        _say_interrupted(sweep, launcher, folder, problem)
        return INTERRUPTED
    _say_ending(ending, folder, problem)
    return 0 if ending.succeeded else 1


def _options(config: DictConfig) -> dict[str, Any]:
    try:
        options: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"hydra.sweeper: {first_line(error)}") from None
    return {str(key): value for key, value in options.items() if key != "_target_"}


def _sweep_folder(config: DictConfig) -> Path:
    try:
        folder = Path(str(config.hydra.sweep.dir)).absolute()
    except OmegaConfBaseException as error:
        raise ConfigError(f"hydra.sweep.dir: {first_line(error)}; give the folder of the sweep") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / lock.LOCK_FILE).touch()
    except OSError as error:
        raise ConfigError(
            f"hydra.sweep.dir: cannot write to {folder}: {error.strerror}; name a folder that you can write to"
        ) from None
    return folder


def _begin_afresh(folder: Path, config: DictConfig) -> None:
    """Hydra's multirun.yaml, in a folder that holds no sweep yet."""
    if journal.has_begun(folder):
        raise ConfigError(
            f"hydra.sweep.dir: {folder} holds a sweep already; name another folder (hydra.sweep.dir=..., or the key "
            "that your config makes it from), or remove this one"
        )
    OmegaConf.save(config, folder / "multirun.yaml")


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
    names = [*(path.name for path in files), journal.JOURNAL_FILE, "multirun.yaml", "0/ 1/ 2/ ..."]
    print(f"files in {folder}: {', '.join(names)}")
    if not ending.succeeded:
        print(f"the sweep failed: {_why_failed(ending)}", file=sys.stderr)


def _why_failed(ending: Ending) -> str:
    failed = [trial for trial in ending.trials if trial.status is TrialStatus.FAILED]
    if ending.too_many_failures or not failed:
        return ending.why
    last = failed[-1]
    where = f"; see {last.job.folder}" if last.job and last.job.folder else ""
    return f"no trial completed; the last one that failed, trial {last.index}: {last.reason}{where}"


def _print_frontier(ending: Ending, problem: Problem) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 200)
    table = frontier_table(ending.trials, problem)
    if table.row_count:
        console.print(table)


def _say_interrupted(sweep: Sweep, launcher: AsyncLauncher, folder: Path, problem: Problem) -> None:
    write_results(folder, journal.trials(folder), problem)
    jobs = [] if launcher.in_rounds else [trial.job for trial in sweep.running if trial.job]
    ids = ", ".join(job.job_id for job in jobs)
    logs = f"their logs are in {folder / '.submitit'}"
    still = f"these jobs keep running: {ids} (end them with: {launcher.cancel_command(jobs)}); {logs}"
    still = still if jobs else "no job is running"
    print(f"interrupted: no new trials were started; {still}", file=sys.stderr)
