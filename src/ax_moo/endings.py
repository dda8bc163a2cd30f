"""What a user is told, and can do, when a sweep has ended or was interrupted."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ax_moo import disk, interrupts, journal
from ax_moo.jobs import AsyncLauncher
from ax_moo.logs import log_of
from ax_moo.problem import Problem
from ax_moo.results import write_results
from ax_moo.summary import closing_lines, frontier_table
from ax_moo.sweep import Ending, Sweep
from ax_moo.trial import Job, Trial, TrialStatus

INTERRUPTED = 130
SECOND_CTRL_C_SECONDS = 5.0


def say_ending(ending: Ending, folder: Path, problem: Problem) -> None:
    """Write the results, and print the frontier, what became of the trials and where the files are."""
    files = disk.until_written(lambda: write_results(folder, ending.trials, problem), folder)
    _print_frontier(ending, problem)
    for line in closing_lines(ending.trials, problem):
        print(line)
    names = [*(path.name for path in files), journal.JOURNAL_FILE, "multirun.yaml", "0/ 1/ 2/ ..."]
    print(f"files in {folder}: {', '.join(names)}")
    if ending.stopped:
        print(f"stopped: {ending.why}; {_how_to_resume(folder)}", file=sys.stderr)
    elif not ending.succeeded:
        print(f"the sweep failed: {_why_failed(ending)}", file=sys.stderr)


class Interrupted:
    """The end of a sweep whose process was told to go away."""

    def __init__(self, sweep: Sweep, launcher: AsyncLauncher, folder: Path, problem: Problem) -> None:
        self._sweep = sweep
        self._launcher = launcher
        self._folder = folder
        self._problem = problem

    def end(self, by_hand: bool) -> int:
        """Leave the jobs running and say how to go on; Ctrl-C once more cancels them, where somebody is there."""
        jobs = [] if self._launcher.in_rounds else [trial.job for trial in self._sweep.running if trial.job]
        try:
            self._say(jobs)
            if jobs and by_hand:
                print(f"Ctrl-C again within {SECOND_CTRL_C_SECONDS:.0f} s cancels them", file=sys.stderr, flush=True)
                time.sleep(SECOND_CTRL_C_SECONDS)
        except interrupts.Terminated:
            return INTERRUPTED
        except KeyboardInterrupt:
            self._cancel(jobs)
        return INTERRUPTED

    def _say(self, jobs: Sequence[Job]) -> None:
        print(f"interrupted: no new trials were started; {self._still(jobs)}", file=sys.stderr, flush=True)
        print(_how_to_resume(self._folder), file=sys.stderr, flush=True)
        self._write_results()

    def _still(self, jobs: Sequence[Job]) -> str:
        if not jobs:
            return "no job is running"
        ids = ", ".join(job.job_id for job in jobs)
        end = f"ax-moo stop --now {self._folder}, or {self._launcher.cancel_command(jobs)}"
        return f"these jobs keep running: {ids} (end them with: {end}); their logs are in {self._folder / '.submitit'}"

    def _cancel(self, jobs: Sequence[Job]) -> None:
        print("cancelling these jobs", file=sys.stderr, flush=True)
        try:
            self._sweep.cancel()
            print("no job is running any more", file=sys.stderr, flush=True)
            self._write_results()
        except KeyboardInterrupt:
            print(f"not waited for: {self._still(jobs)}", file=sys.stderr, flush=True)

    def _write_results(self) -> None:
        try:
            write_results(self._folder, journal.trials(self._folder), self._problem)
        except OSError as error:
            print(f"tables were not written: {error}", file=sys.stderr)


def _how_to_resume(folder: Path) -> str:
    return f"go on with the same command, or with: ax-moo resume {folder}"


def _why_failed(ending: Ending) -> str:
    failed = [trial for trial in ending.trials if trial.status is TrialStatus.FAILED]
    if ending.too_many_failures or not failed:
        return ending.why
    last: Trial = failed[-1]
    where = f"; see {log_of(last.job)}" if last.job and last.job.folder else ""
    return f"no trial completed; the last one that failed, trial {last.index}: {last.reason}{where}"


def _print_frontier(ending: Ending, problem: Problem) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 200)
    table = frontier_table(ending.trials, problem)
    if table.row_count:
        console.print(table)
