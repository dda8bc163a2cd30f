"""Runs the sweep that a Hydra config describes, from checking the config to the exit code."""

import dataclasses
import errno
import logging
import os
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from ax_moo.console.progress import console_observer
from ax_moo.html_report.at_end import write_at_end
from ax_moo.html_report.observer import ReportObserver, start_writing
from ax_moo.html_report.writing import is_current
from ax_moo.jobs.launcher import AsyncLauncher, ChecksTrials, JobHandle
from ax_moo.problem.problem import Problem
from ax_moo.results.tables import RESULTS_FILE, TRIALS_FILE
from ax_moo.session.about import about_in_lock, about_sweep, wandb_facts
from ax_moo.session.beginning import say_how_it_begins
from ax_moo.session.checks import check_folder, checked
from ax_moo.session.ending import Interrupted, end_ready_jobs, say_ending, say_unwritten, why_replaced
from ax_moo.session.fresh import check_no_job_runs, move_aside
from ax_moo.session.job_config import corner_points
from ax_moo.session.over import finish_over, why_over
from ax_moo.session.proposing import initial_design, optimizer_after
from ax_moo.storage import journal, lock, stop_request
from ax_moo.storage.files import CONFIG_FILE, JOURNAL_FILE
from ax_moo.storage.trust import check_own
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.resuming.resume import PreviousRun
from ax_moo.sweep.settings import Resume, Settings
from ax_moo.sweep.state import Cause, Reason
from ax_moo.system import disk, redacted_logs, redaction, signals
from ax_moo.system.private_files import make_folder
from ax_moo.system.strangers import take_trust
from ax_moo.trial import Job
from ax_moo.wandb.process import SweepInWandb, check_installed, sweep_in_wandb
from ax_moo.wandb.settings import WandbSettings
from ax_moo.wandb.trial_variables import set_for_trials

log = logging.getLogger(__name__)


def run(config: DictConfig, loader: ConfigLoader, launcher: AsyncLauncher, arguments: Sequence[str]) -> int:
    """Run or resume the sweep of a composed Hydra config, and return the exit code.

    Raises:
        ConfigError: the config has a mistake that shows before the first job is submitted.
    """
    redaction.learn_environment(os.environ)
    redaction.learn(config, arguments)
    with redacted_logs.without_secrets():
        return _run_checked(config, loader, launcher, arguments)


@dataclass(frozen=True)
class Start:
    """One start of the sweeper, after the checks of its config."""

    config: DictConfig
    launcher: AsyncLauncher
    folder: Path
    problem: Problem
    settings: Settings
    wandb: WandbSettings
    trial_folders: Sequence[Path]

    @property
    def is_fresh(self) -> bool:
        return self.settings.resume is Resume.FRESH


@dataclass(frozen=True)
class End:
    """How a start ended; with ``was_over`` it had nothing to do."""

    code: int
    reason: Reason
    was_over: bool = False
    in_wandb: SweepInWandb | None = None


def _run_checked(config: DictConfig, loader: ConfigLoader, launcher: AsyncLauncher, arguments: Sequence[str]) -> int:
    problem, settings, wandb, trial_folders = checked(config, loader, arguments)
    redaction.note_searched(problem.search_space.searched)
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    start = Start(config, launcher, folder, problem, settings, wandb, trial_folders)
    _check_can_begin(start)
    disk.until_written(lambda: make_folder(folder), folder)
    about = about_sweep(config, settings, folder)
    request_before = stop_request.written(folder)
    with signals.sigterm_as_ctrl_c():
        with lock.held(folder, about_in_lock(about, settings, folder)) as final_record:
            disk.until_written(lambda: stop_request.clear_earlier(folder, request_before), folder)
            end = _run_locked(start, about)
            final_record.update(exit_code=end.code, why=end.reason.words, is_over=end.reason.cause.is_over)
        _show_end(start, end)  # the lock is released first: the page reads from it how the sweep has ended
    return end.code


def _check_can_begin(start: Start) -> None:
    """Check what is in the folder, who owns it, and what the sweep needs of the launcher and of W&B."""
    launcher, space = start.launcher, start.problem.search_space
    take_trust(os.environ, start.folder)
    check_own(start.folder)
    check_installed(start.wandb)
    launcher.check()
    if isinstance(launcher, ChecksTrials):
        launcher.check_trials([space.to_overrides(point) for point in corner_points(space)])
    check_folder(start.folder, start.problem, start.settings.resume, start.trial_folders)
    if start.is_fresh:
        check_no_job_runs(start.folder, looker(launcher), launcher.cancel_command)


def _run_locked(start: Start, about: Mapping[str, Any]) -> End:
    folder, problem, settings = start.folder, start.problem, start.settings
    if start.is_fresh:
        move_aside(folder, start.trial_folders, keep=[folder / stop_request.STOP_FILE])  # it is for this run by now
    _check_names(folder)
    previous_run = resume.previous_run(folder)
    over = why_over(previous_run, problem, settings)
    if previous_run is not None and over is not None:
        return End(finish_over(over, previous_run, problem, folder), over, was_over=True)
    disk.until_written(lambda: _save_config(start.config, folder), folder)
    problem, settings = _as_recorded(problem, settings, previous_run)
    in_wandb = sweep_in_wandb(start.wandb, folder, {**about, **wandb_facts(settings, problem)})
    new_id = None if previous_run else journal.new_id()
    set_for_trials(start.config, start.wandb, folder, new_id)
    code, reason = _run(problem, settings, start.launcher, folder, about, previous_run, new_id)
    return End(code, reason, in_wandb=in_wandb)


def _show_end(start: Start, end: End) -> None:
    """Write the page, and end the run in W&B; another process does so where it has replaced this one."""
    if end.reason.cause is Cause.REPLACED:
        if end.in_wandb is not None:
            end.in_wandb.leave()
        return
    is_preempted = end.reason.cause is Cause.TERMINATED
    is_interrupted = is_preempted or end.reason.cause is Cause.INTERRUPTED
    if start.settings.report:
        _report(start.folder, is_interrupted, is_over=end.was_over)
    if end.in_wandb is not None:
        end.in_wandb.end(end.code, is_hurried=is_interrupted, is_preempted=is_preempted)


def looker(launcher: AsyncLauncher) -> Callable[[Job], JobHandle]:
    """What makes a handle for a job of an earlier sweep, whose trials the launcher must not take for its own."""
    from ax_moo_launchers.attach import attacher

    ours = attacher()
    return lambda job: ours(job) if job.scheduler else launcher.attach(job)


def _report(folder: Path, is_interrupted: bool, is_over: bool) -> None:
    """Write the page, unless it is up to date. After an interruption the process does not wait for it."""
    if is_interrupted:
        with suppress(OSError):  # no process can be started
            start_writing(folder)
    elif not (is_over and is_current(folder)):
        write_at_end(folder)


def _as_recorded(problem: Problem, settings: Settings, previous_run: PreviousRun | None) -> tuple[Problem, Settings]:
    """The problem and settings with the parameter order and seed of earlier runs.

    With these the optimizer proposes what it would have proposed without the interruption.
    """
    if previous_run is not None:
        problem = resume.as_recorded(problem, previous_run.header)
        settings = resume.with_recorded_seed(settings, previous_run.header)
    if settings.seed is None:
        settings = dataclasses.replace(settings, seed=random.SystemRandom().randrange(2**31))
    return problem, settings


def _run(
    problem: Problem,
    settings: Settings,
    launcher: AsyncLauncher,
    folder: Path,
    about: Mapping[str, Any],
    previous_run: PreviousRun | None,
    new_id: str | None,
) -> tuple[int, Reason]:
    """The exit code, and the reason why the sweep ended."""
    say_how_it_begins(settings, launcher, folder, previous_run)
    console = console_observer(settings.progress)
    report = ReportObserver(folder) if settings.report else None
    sweep = Sweep(
        problem,
        settings,
        launcher,
        folder,
        optimizer=lambda previous: optimizer_after(problem, settings, previous),
        design=initial_design(problem, settings, launcher),
        observers=[observer for observer in (console, report) if observer],
        about={**about, "seed": settings.seed, "method": settings.method},
        previous_run=previous_run,
        sweep_id=new_id,
    )
    ending = _ended(sweep, Interrupted(sweep, launcher, folder, problem), folder)
    if isinstance(ending, SweepResult):
        end_ready_jobs(launcher)
        try:
            say_ending(ending, folder, problem)
            return ending.exit_code, ending.reason
        except disk.CannotWrite as error:
            ending = say_unwritten(error.what, folder)
    return ending.cause.exit_code, ending


def _ended(sweep: Sweep, early_end: Interrupted, folder: Path) -> SweepResult | Reason:
    """The result of the loop; the reason alone where it has not come to its end, which the user has been told."""
    try:
        ending = sweep.run()
    except KeyboardInterrupt as interrupt:
        return early_end.end(by_hand=not isinstance(interrupt, signals.Terminated))
    except journal.JournalTaken as error:
        return early_end.leave(error.what)
    except disk.CannotWrite as error:
        if not sweep.has_submitted:
            raise
        return early_end.fail(error.what)
    why = why_replaced(folder)
    return ending if why is None else early_end.leave(why)


def _check_names(folder: Path) -> None:
    """Refuse a folder in which a directory has the name of one of the sweep's files.

    Otherwise the mistake would show only when the last files are written.
    """
    for name in (JOURNAL_FILE, CONFIG_FILE, TRIALS_FILE, RESULTS_FILE, stop_request.STOP_FILE):
        if (folder / name).is_dir():
            raise disk.CannotWrite.because(IsADirectoryError(errno.EISDIR, "", str(folder / name)), folder)


def _save_config(config: DictConfig, folder: Path) -> None:
    """Write Hydra's multirun.yaml, over the one of an earlier run."""
    # OmegaConf asks of each string whether it is a number. int() loses a signal that comes while it refuses the string.
    with signals.deferred():
        text = OmegaConf.to_yaml(config)
    disk.replace_file(folder / CONFIG_FILE, text, is_private=True)
