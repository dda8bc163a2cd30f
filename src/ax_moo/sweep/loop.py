"""The asynchronous loop: each round first collects ended jobs, and then fills the free slots with new trials."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ax_moo.jobs.launcher import AsyncLauncher, Prepares
from ax_moo.optimizer.background import BackgroundOptimizer
from ax_moo.optimizer.base import Optimizer
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.optimizer.lookahead import LookaheadRule
from ax_moo.problem.problem import Problem
from ax_moo.storage import journal, stop_request
from ax_moo.storage.base import Storage
from ax_moo.storage.journal_storage import JournalStorage
from ax_moo.storage.lock_claim import taken_over_by
from ax_moo.sweep.budget import Budget, failure_sentence
from ax_moo.sweep.course import Course
from ax_moo.sweep.improvement import Improvement
from ax_moo.sweep.observers import Observer, Observers, Progress
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.resuming.resume import PreviousRun
from ax_moo.sweep.resuming.taking_up import TakingUp
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.state import Cause, Closed, NoNewTrials, Reason
from ax_moo.sweep.steps.asking import Asking
from ax_moo.sweep.steps.cancellation import cancel_and_wait
from ax_moo.sweep.steps.collecting import Collector
from ax_moo.sweep.steps.filling import Filling
from ax_moo.sweep.steps.pause import pause
from ax_moo.sweep.steps.submission import Submitter
from ax_moo.system import disk, signals
from ax_moo.system.clock import steady_clock
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Job, Trial

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""The interval is fixed; a candidate or the result of a job ends the pause early (``sweep.steps.pause``)."""


class Sweep:
    """One sweep in one folder. Each new state of a trial is in the journal before the sweep acts on it.

    Only the loop knows all the parts: a background thread owns the optimizer, ``launcher`` runs the jobs, and observers
    are informed without an answer. ``optimizer`` is called once, in the background thread, with the trials of earlier
    runs of the sweep; the ``design`` proposes what needs no optimizer. ``previous_run`` is None for a new sweep, and
    ``storage`` is the folder's journal unless another is given.
    """

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        launcher: AsyncLauncher,
        folder: Path,
        optimizer: Callable[[Sequence[Trial]], Optimizer],
        observers: Sequence[Observer] = (),
        about: Mapping[str, Any] | None = None,
        previous_run: PreviousRun | None = None,
        clock: Callable[[], float] | None = None,
        storage: Storage | None = None,
        design: InitialDesign | None = None,
        sweep_id: str | None = None,
    ) -> None:
        """``sweep_id`` is the id of a sweep that begins now, where the caller has made it."""
        self._problem = problem
        self._settings = settings
        self._launcher = launcher
        self._folder = folder
        self._storage = storage or JournalStorage(folder)
        self._optimizer = optimizer
        self._design = design
        self._about = dict(about or {})
        self._previous_run = previous_run
        self._clock = clock or steady_clock(previous_run.last_time if previous_run else 0.0)
        self._budget = Budget(settings.n_trials, settings.timeout_hours, settings.max_failure_rate)
        slots = min(settings.n_jobs, launcher.max_jobs or settings.n_jobs)
        self._lookahead = LookaheadRule(settings.lookahead, settings.method, slots)
        improvement = Improvement(problem, settings.no_improvement, previous_run.trials if previous_run else ())
        self._course = Course(slots, self._budget, self._clock, self._lookahead, improvement, Observers(observers))
        self._sweep_id = previous_run.sweep_id if previous_run else sweep_id or journal.new_id()
        self._submitter = Submitter(launcher, problem.search_space, self._sweep_id)
        self._collector = Collector(self._course, problem, settings.retries)
        self._asking = Asking(self._course, launcher.is_blocking)
        self._filling = Filling(self._course, self._asking, launcher, self._submitter)
        self._is_disk_full = False

    def run(self) -> SweepResult:
        """Run to the end of the budget.

        Raises:
            ConfigError: Ax cannot be used, or the first submission was refused.
            KeyboardInterrupt: the jobs keep running, and their trials are RUNNING in the journal.
        """
        course = self._course
        course.journal = disk.until_written(self._storage.open, self._folder)
        previous = list(self._previous_run.trials) if self._previous_run else []
        told, held_back = resume.told_and_held_back(previous)
        if self._design is not None:
            self._design.replay(told)
        background = BackgroundOptimizer(lambda: self._optimizer(told), self._design)
        try:
            with signals.sigterm_as_ctrl_c(), background as course.background, closing(course.observers):
                course.observers.tell(lambda observer: observer.open(self._problem, previous))
                self._begin(previous, held_back)
                while (reason := self._step()) is None:
                    self._pause()
        except ConfigError as error:
            if not course.has_submitted:
                course.journal.remove()  # so that the corrected command can begin in the same folder
            elif isinstance(error, disk.CannotWrite):
                self._save_beside()
            raise
        finally:
            course.journal.close()
            if isinstance(self._launcher, Prepares):
                self._launcher.close()
        ending = SweepResult(list(course.trials), reason)
        if ending.stopped and taken_over_by(self._folder) is None:
            with suppress(OSError):  # the next run of the sweep clears the request too
                stop_request.clear(self._folder)
        return ending

    @property
    def running(self) -> list[Trial]:
        return [self._course.trials[index] for index in self._course.handles]

    @property
    def jobs(self) -> list[Job]:
        """The running jobs, including those that could not be recorded in the journal."""
        return [handle.job for handle in self._course.handles.values()]

    @property
    def has_submitted(self) -> bool:
        """Whether any run of this sweep has ever submitted a job."""
        return self._course.has_submitted

    def cancel(self) -> None:
        """Cancel the running jobs of an interrupted sweep, and wait until they have ended."""
        self._course.observers = Observers([])
        self._course.journal = disk.until_written(self._storage.open, self._folder)
        with closing(self._course.journal):
            self._cancel()

    def _save_beside(self) -> None:
        """Save the trials' states in another file, because the journal is gone or belongs to somebody else."""
        written = self._course.journal
        try:
            saved = written.save_beside()
        except OSError as error:
            log.error("The states of the trials could not be saved: %s", error)
            return
        if saved is not None:
            log.error("The journal of this sweep is saved as %s; move it to %s to go on", saved, written.path)

    def _begin(self, previous: Sequence[Trial], held_back: Sequence[Trial]) -> None:
        """Write the journal's first line, or continue each trial from the state in which an earlier run left it."""
        course = self._course
        course.started = self._previous_run.started if self._previous_run else self._clock()
        if not self._previous_run:
            about = {"time": course.started, journal.ID: self._sweep_id, **self._about}
            disk.until_written(lambda: course.journal.begin(self._problem.to_dict(), about), course.journal.path)
        earlier = TakingUp(course, self._asking, self._launcher, self._submitter, self._folder, self._about)
        earlier.take_up(previous, held_back)
        if previous:
            self._finish_round(previous[-1])

    def _finish_round(self, last: Trial) -> None:
        """Collect and ask as a killed sweeper would have done in the rest of its round, whatever has ended since."""
        self._collector.collect(last.also_ended)
        self._look_for_an_end()
        self._asking.ask_for_a_free_slot()
        if resume.was_starting_trials(last):
            self._asking.ask_ahead()

    def _step(self) -> Reason | None:
        """One round of the loop. Returns the reason of the end once nothing runs and nothing more will start."""
        course = self._course
        disk.until_written(course.journal.keep, course.journal.path)
        self._collector.collect(list(course.handles))
        self._look_for_an_end()
        if not isinstance(course.state, Closed) and self._has_room():
            self._filling.fill()
        progress = Progress(course.trials, course.elapsed, self._budget, course.background.is_computing)
        course.observers.tell(lambda observer: observer.on_poll(progress))
        return self._why_over()

    def _why_over(self) -> Reason | None:
        match self._course.state:
            case Closed(reason) if not self._course.handles:
                return reason
            case NoNewTrials(reason) if not self._course.handles and not self._course.staged:
                return reason
        return None

    def _pause(self) -> None:
        duration, course = self._lookahead.trial_seconds, self._course
        trial_seconds = course.elapsed if duration is None else duration
        pause(course.background.wait, course.handles.values(), POLL_SECONDS, trial_seconds)

    def _look_for_an_end(self) -> None:
        """Close the sweep, or stop new trials, once there is a reason for it."""
        course, settings, trials = self._course, self._settings, self._course.trials
        request = stop_request.asked(self._folder)
        if request is not None:
            course.close(Cause.STOP_ASKED, "ax-moo stop asked the sweep to end")
        if request is stop_request.StopRequest.NOW:
            self._cancel()
        elif self._budget.is_exceeded_by(trials.failed, trials.judged):
            course.close(Cause.TOO_MANY_FAILURES, failure_sentence(trials, settings.max_failure_rate))
        elif self._budget.is_out_of_time(course.elapsed):
            course.close(Cause.TIME_IS_UP, f"the time is up (timeout_hours={settings.timeout_hours})")
        elif self._budget.remaining(trials) == 0:
            course.stop_new_trials(Cause.BUDGET_USED, f"all {settings.n_trials} trials were started")
        elif course.improvement.has_ended:
            course.stop_new_trials(Cause.NO_IMPROVEMENT, course.improvement.why)

    def _cancel(self) -> None:
        course = self._course
        running = {index: (course.trials[index], handle) for index, handle in course.handles.items()}
        course.handles = dict(cancel_and_wait(running, course.enter, self._clock))

    def _has_room(self) -> bool:
        """Whether the disk has room: a job that starts on a full disk is lost, while running jobs wait for room."""
        has_room = disk.has_room(self._folder)
        if not has_room and not self._is_disk_full:
            log.warning("Paused: the disk of %s is full; trials start again as soon as there is room", self._folder)
        elif has_room and self._is_disk_full:
            log.info("There is room on the disk again")
        self._is_disk_full = not has_room
        return has_room
