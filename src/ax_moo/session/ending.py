"""Prints the result of a sweep that has ended, and handles Ctrl-C and SIGTERM."""

import time
from collections.abc import Sequence
from pathlib import Path

from ax_moo.console.plain import open_console
from ax_moo.console.summary import closing_lines, frontier_table
from ax_moo.jobs.launcher import AsyncLauncher, KeepsJobsReady
from ax_moo.jobs.logs import log_of
from ax_moo.problem.problem import Problem
from ax_moo.results.tables import write_results
from ax_moo.storage import journal, stop_request
from ax_moo.storage.files import CONFIG_FILE, JOURNAL_FILE
from ax_moo.storage.lock_claim import taken_over_by
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.state import Cause, Reason
from ax_moo.system import disk, signals
from ax_moo.system.terminal import say, say_as_error
from ax_moo.system.text import quoted
from ax_moo.trial import Job, Trial, TrialStatus

OTHER_FILES = (JOURNAL_FILE, CONFIG_FILE)
SECOND_CTRL_C_SECONDS = 5.0


def say_ending(ending: SweepResult, folder: Path, problem: Problem) -> None:
    """Write the result files, and print the frontier, the counts of the trials and the names of the files."""
    files = disk.until_written(lambda: write_results(folder, ending.trials, problem), folder)
    names = [name for name in (*(path.name for path in files), *OTHER_FILES) if (folder / name).exists()]
    _print_frontier(ending, problem)
    for line in closing_lines(ending.trials, problem):
        say(line)
    say(f"files in {folder}: {', '.join([*names, '0/ 1/ 2/ ...'])}")
    if ending.reason.cause is Cause.NO_IMPROVEMENT:
        say(f"the sweep ended before its budget: {ending.stop_reason}; hydra.sweeper.stop_when=null goes on")
    if ending.stopped:
        say_as_error(f"the sweep stopped: {ending.stop_reason}; {how_to_resume(folder)}")
    elif not ending.succeeded:
        say_as_error(f"the sweep failed: {_why_failed(ending)}")


def say_unwritten(why: str, folder: Path) -> Reason:
    """Report that the sweep has run its trials and could not write its tables."""
    say_as_error(f"the sweep failed: {why}; every trial is in {folder / JOURNAL_FILE}")
    say_as_error("the same command writes the tables once this is fixed")
    return Reason(Cause.CANNOT_WRITE, why)


def why_replaced(folder: Path) -> str | None:
    """The sentence that names the sweeper which has taken this one's lock, and so all of the sweep; else None."""
    by = taken_over_by(folder)
    return None if by is None else journal.JournalTaken(folder / JOURNAL_FILE, by).what


class Interrupted:
    """The end of a sweep that leaves its jobs running, after Ctrl-C, a signal or a folder that cannot be written."""

    def __init__(self, sweep: Sweep, launcher: AsyncLauncher, folder: Path, problem: Problem) -> None:
        self._sweep = sweep
        self._launcher = launcher
        self._folder = folder
        self._problem = problem

    def end(self, by_hand: bool) -> Reason:
        """Leave the jobs running and say how to resume; a second Ctrl-C (``by_hand``) cancels them."""
        if not self._is_replaced:
            self._end(by_hand)
        if (why := why_replaced(self._folder)) is not None:
            return self.leave(why)
        return Reason(Cause.INTERRUPTED, "interrupted") if by_hand else Reason(Cause.TERMINATED, "terminated")

    def _end(self, by_hand: bool) -> None:
        try:
            jobs = self._jobs()
            say_as_error(f"interrupted: no new trials were started; {self._running_sentence(jobs)}")
            say_as_error(how_to_resume(self._folder))
            self._write_results()
            if jobs and by_hand and self._is_cancel_requested():
                self._cancel(jobs)
        except signals.Terminated:
            return
        except KeyboardInterrupt:
            self._cancel(self._jobs())

    def fail(self, why: str) -> Reason:
        """Leave the jobs running for a resume to collect, because the journal cannot be written."""
        say_as_error(f"the sweep failed: {why}; no new trials were started; {self._running_sentence(self._jobs())}")
        say_as_error(f"once this is fixed, {how_to_resume(self._folder)}")
        return Reason(Cause.CANNOT_WRITE, why)

    def leave(self, why: str) -> Reason:
        """Leave the sweep to another sweeper, which has taken this one's place: its files and jobs are not ours."""
        ids = ", ".join(job.job_id for job in self._jobs())
        left = f"these jobs are left to it: {ids}" if ids else "no job is left to it"
        say_as_error(f"the sweep failed: {why}; nothing more was written, and {left}")
        say_as_error(f"follow the sweep with: ax-moo status {quoted(self._folder)}")
        return Reason(Cause.REPLACED, why)

    @property
    def _is_replaced(self) -> bool:
        return why_replaced(self._folder) is not None

    def _jobs(self) -> list[Job]:
        """The jobs that do not run inside this process."""
        return [job for job in self._sweep.jobs if job.folder]

    def _is_cancel_requested(self) -> bool:
        """Wait a few seconds for Ctrl-C, which raises, or for ``ax-moo stop --now``."""
        say_as_error(f"Ctrl-C again within {SECOND_CTRL_C_SECONDS:.0f} s cancels these jobs")
        until = time.monotonic() + SECOND_CTRL_C_SECONDS
        while time.monotonic() < until:
            if stop_request.asked(self._folder) is stop_request.StopRequest.NOW:
                return True
            time.sleep(0.1)
        return False

    def _running_sentence(self, jobs: Sequence[Job]) -> str:
        if not jobs:
            return "no job is running"
        ids = ", ".join(job.job_id for job in jobs)
        ways = [f"ax-moo stop --now {quoted(self._folder)}", self._launcher.cancel_command(jobs)]
        return f"these jobs keep running: {ids} (end them with: {', or '.join(filter(None, ways))})"

    def _cancel(self, jobs: Sequence[Job]) -> None:
        if self._is_replaced:
            return
        try:
            say_as_error("cancelling these jobs")
            self._sweep.cancel()
            end_ready_jobs(self._launcher)
            say_as_error("no job is running any more")
            self._write_results()
        except disk.CannotWrite as error:
            say_as_error(f"the jobs could not be cancelled: {error.what}; {self._running_sentence(jobs)}")
        except KeyboardInterrupt:
            say_as_error(f"the sweep no longer waits for their end: {self._running_sentence(jobs)}")

    def _write_results(self) -> None:
        """Write the tables, and never raise: a later run of the sweep can write them too."""
        if self._is_replaced:
            return
        with signals.deferred():
            try:
                write_results(self._folder, journal.trials(self._folder), self._problem)
            except Exception as error:
                say_as_error(f"the tables were not written: {error}")


def end_ready_jobs(launcher: AsyncLauncher) -> None:
    """End the jobs that wait for trials of a sweep that is over."""
    if isinstance(launcher, KeepsJobsReady):
        with signals.deferred():
            launcher.end_ready_jobs()


def how_to_resume(folder: Path) -> str:
    return f"go on with: ax-moo resume {quoted(folder)} (or the same command, where it names this folder)"


def _why_failed(ending: SweepResult) -> str:
    failed = [trial for trial in ending.trials if trial.status is TrialStatus.FAILED]
    if ending.reason.cause.exit_code or not failed:
        return ending.stop_reason
    last: Trial = failed[-1]
    where = f"; see {log_of(last.job)}" if last.job and last.job.folder else ""
    return f"no trial completed; the last one that failed, trial {last.index}: {last.reason}{where}"


def _print_frontier(ending: SweepResult, problem: Problem) -> None:
    table = frontier_table(ending.trials, problem)
    if table.row_count:
        open_console().print(table)
