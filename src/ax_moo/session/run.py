"""Runs the sweep that a Hydra config describes, from checking the config to the exit code."""

import dataclasses
import errno
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from ax_moo.console.progress import console_observer
from ax_moo.html_report.at_end import write_at_end
from ax_moo.html_report.observer import ReportObserver, start_writing
from ax_moo.html_report.writing import is_current
from ax_moo.jobs import folders as job_folders
from ax_moo.jobs.blocking import BlockingLauncherAdapter
from ax_moo.jobs.launcher import AsyncLauncher, ChecksTrials, JobHandle
from ax_moo.optimizer.base import Optimizer
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.optimizer.interruptible import uninterrupted
from ax_moo.problem.problem import Problem
from ax_moo.results.retraining import ONE_RUN
from ax_moo.results.tables import RESULTS_FILE, TRIALS_FILE, is_written, write_results
from ax_moo.session import provenance
from ax_moo.session.checks import check_folder, checked
from ax_moo.session.ending import Interrupted, end_ready_jobs, say_ending, say_unwritten, why_replaced
from ax_moo.session.fresh import check_no_job_runs, move_aside
from ax_moo.session.job_config import corner_points
from ax_moo.storage import journal, lock, stop_request
from ax_moo.storage.files import CONFIG_FILE, HOME, JOURNAL_FILE
from ax_moo.storage.home import original_of
from ax_moo.storage.trust import check_own
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.improvement import Improvement
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.resuming.resume import PreviousRun
from ax_moo.sweep.settings import Resume, Settings
from ax_moo.sweep.state import Cause, Reason
from ax_moo.system import disk, redacted_logs, redaction, signals
from ax_moo.system.garbage import uncollected
from ax_moo.system.private_files import make_folder
from ax_moo.system.strangers import take_trust
from ax_moo.system.terminal import say
from ax_moo.system.text import quoted
from ax_moo.trial import Job, Trial
from ax_moo.wandb.process import SweepInWandb, check_installed, sweep_in_wandb
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


def _run_checked(config: DictConfig, loader: ConfigLoader, launcher: AsyncLauncher, arguments: Sequence[str]) -> int:
    problem, settings, wandb, trial_folders = checked(config, loader, arguments)
    redaction.note_searched(problem.search_space.searched)
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    take_trust(os.environ, folder)
    check_own(folder)
    check_installed(wandb)
    launcher.check()
    if isinstance(launcher, ChecksTrials):
        launcher.check_trials([problem.search_space.to_overrides(p) for p in corner_points(problem.search_space)])
    is_fresh = settings.resume is Resume.FRESH
    check_folder(folder, problem, settings.resume, trial_folders)
    if is_fresh:
        check_no_job_runs(folder, looker(launcher), launcher.cancel_command)
    disk.until_written(lambda: make_folder(folder), folder)
    about = {**_about(config, settings), **_job_folders(config, folder, is_fresh), HOME: str(folder)}
    # A process that is killed before it has moved a copy aside leaves a copy.
    in_lock = {**about, HOME: str((original_of(folder) if is_fresh else None) or folder)}
    in_wandb: SweepInWandb | None = None
    request_before = stop_request.written(folder)
    with signals.sigterm_as_ctrl_c():
        with lock.held(folder, in_lock) as final_record:
            disk.until_written(lambda: stop_request.clear_earlier(folder, request_before), folder)
            if is_fresh:
                move_aside(folder, trial_folders, keep=[folder / stop_request.STOP_FILE])  # it is for this run by now
            _check_names(folder)
            previous_run = resume.previous_run(folder)
            budget = Budget(settings.n_trials, settings.timeout_hours, settings.max_failure_rate)
            over = _why_over(previous_run, budget, problem, settings) if previous_run is not None else None
            if previous_run is not None and over is not None:
                code, reason = _finish_over(over, previous_run, problem, folder), over
            else:
                disk.until_written(lambda: _save_config(config, folder), folder)
                problem, settings = _as_recorded(problem, settings, previous_run)
                in_wandb = sweep_in_wandb(wandb, folder, {**about, **_wandb_facts(settings, problem)})
                new_id = None if previous_run else journal.new_id()
                set_for_trials(config, wandb, folder, new_id)
                code, reason = _run(problem, settings, launcher, folder, about, previous_run, new_id)
            final_record.update(exit_code=code, why=reason.words, is_over=reason.cause.is_over)
        if reason.cause is Cause.REPLACED:
            if in_wandb is not None:
                in_wandb.leave()
            return code
        is_preempted = reason.cause is Cause.TERMINATED
        is_interrupted = is_preempted or reason.cause is Cause.INTERRUPTED
        # The lock is released first: the page reads from it how the sweep has ended.
        if settings.report:
            _report(folder, is_interrupted, is_over=over is not None)
        if in_wandb is not None:
            in_wandb.end(code, is_hurried=is_interrupted, is_preempted=is_preempted)
    return code


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
    _say_how_it_begins(settings, launcher, folder, previous_run)
    console = console_observer(settings.progress)
    report = ReportObserver(folder) if settings.report else None
    sweep = Sweep(
        problem,
        settings,
        launcher,
        folder,
        optimizer=lambda previous: _optimizer(problem, settings, previous),
        design=_design(problem, settings, launcher),
        observers=[observer for observer in (console, report) if observer],
        about={**about, "seed": settings.seed, "method": settings.method},
        previous_run=previous_run,
        sweep_id=new_id,
    )
    early_end = Interrupted(sweep, launcher, folder, problem)
    try:
        ending = sweep.run()
    except KeyboardInterrupt as interrupt:
        reason = early_end.end(by_hand=not isinstance(interrupt, signals.Terminated))
        return reason.cause.exit_code, reason
    except journal.JournalTaken as error:
        reason = early_end.leave(error.what)
        return reason.cause.exit_code, reason
    except disk.CannotWrite as error:
        if not sweep.has_submitted:
            raise
        reason = early_end.fail(error.what)
        return reason.cause.exit_code, reason
    if (why := why_replaced(folder)) is not None:
        reason = early_end.leave(why)
        return reason.cause.exit_code, reason
    end_ready_jobs(launcher)
    try:
        say_ending(ending, folder, problem)
    except disk.CannotWrite as error:
        reason = say_unwritten(error.what, folder)
        return reason.cause.exit_code, reason
    return ending.exit_code, ending.reason


def _say_how_it_begins(
    settings: Settings, launcher: AsyncLauncher, folder: Path, previous_run: PreviousRun | None
) -> None:
    if previous_run is None:
        how = f"ax-moo resume {quoted(folder)} goes on with it"
        log.info("A sweep of %d trials begins in %s (%s)", settings.n_trials, folder, how)
    else:
        counts = Counter(str(trial.status).lower() for trial in previous_run.trials)
        found = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        log.info("The sweep in %s goes on; so far: %s", folder, found or "no trial")
    if settings.n_initial is not None and not settings.method.has_model:
        log.info("n_initial=%d means nothing with method=%s, which has no model", settings.n_initial, settings.method)
    if launcher.max_jobs is not None and launcher.max_jobs < settings.n_jobs and not launcher.is_blocking:
        log.info("n_jobs=%d is lowered to %d, one job for each GPU", settings.n_jobs, launcher.max_jobs)
    if isinstance(launcher, BlockingLauncherAdapter):
        log.warning("%s; hydra/launcher=async_local keeps n_jobs running", launcher.manner)


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


def _optimizer(problem: Problem, settings: Settings, previous: Sequence[Trial]) -> Optimizer:
    # Ax takes seconds to import. The background thread calls this, so that the loop does not wait for the import.
    with uninterrupted(), uncollected():
        from ax_moo.optimizer.bayes.ax_client import AxOptimizer

    optimizer = AxOptimizer(problem, settings.method, settings.seed, settings.before_model, settings.initial)
    optimizer.replay(previous)
    return optimizer


def _design(problem: Problem, settings: Settings, launcher: AsyncLauncher) -> InitialDesign | None:
    """The candidates that need no Ax; None where Ax would be imported while a job runs in this process."""
    if settings.seed is None:
        return None
    design = InitialDesign(
        problem, settings.method, settings.seed, settings.before_model, settings.initial, settings.n_trials
    )
    return design if design.is_all or not launcher.is_blocking else None


def _about(config: DictConfig, settings: Settings) -> Mapping[str, Any]:
    cwd = str(config.hydra.runtime.cwd)
    # The overrides stay unresolved: an interpolation such as ${hydra.job.num} has a value in a job only.
    overrides: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    return {
        "n_trials": settings.n_trials,
        "n_jobs": settings.n_jobs,
        "command": provenance.command(),
        # The application's config may say that it is always a multirun.
        "training": f"{provenance.training_command(overrides)} {ONE_RUN}",
        "cwd": cwd,
        **provenance.provenance(cwd),
    }


def _job_folders(config: DictConfig, folder: Path, is_fresh: bool) -> Mapping[str, Any]:
    setting = OmegaConf.select(config, "hydra.launcher.submitit_folder")
    if is_fresh:
        return job_folders.noted(folder, {}, setting)
    before = lock.holder(folder)
    about = {**(journal.header(folder) or {}), **(before.about if before else {})}
    return job_folders.noted(folder, about, setting)


def _wandb_facts(settings: Settings, problem: Problem) -> Mapping[str, Any]:
    """The values that the sweep's W&B run shows in addition."""
    objectives = {each.name: {"minimize": each.minimize, "threshold": each.threshold} for each in problem.objectives}
    return {"seed": settings.seed, "method": settings.method, "objectives": objectives}


def _why_over(previous_run: PreviousRun, budget: Budget, problem: Problem, settings: Settings) -> Reason | None:
    improvement = Improvement(problem, settings.no_improvement, previous_run.trials)
    return previous_run.why_over(budget, time.time(), improvement)


def _finish_over(over: Reason, previous_run: PreviousRun, problem: Problem, folder: Path) -> int:
    """Report that the sweep has nothing left to do; its tables are written if a kill at the very end prevented it."""
    trials = sorted(previous_run.trials, key=lambda trial: trial.index)
    if not is_written(folder):
        disk.until_written(lambda: write_results(folder, trials, problem), folder)
    say(f"the sweep in {folder} is over: {over.words}")
    return SweepResult(trials, over).exit_code
