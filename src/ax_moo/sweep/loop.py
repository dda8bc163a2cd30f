"""The asynchronous loop: each round first collects ended jobs, and then fills the free slots with new trials."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ax_moo.jobs.launcher import AsyncLauncher, JobHandle, Prepares
from ax_moo.optimizer.background import BackgroundOptimizer
from ax_moo.optimizer.base import Candidate, Optimizer, SearchSpaceExhausted
from ax_moo.optimizer.initial_design import InitialDesign
from ax_moo.optimizer.lookahead import LookaheadRule
from ax_moo.problem.problem import Problem
from ax_moo.storage import journal, stop_request
from ax_moo.storage.base import Storage
from ax_moo.storage.journal_storage import JournalStorage
from ax_moo.storage.lock_claim import taken_over_by
from ax_moo.sweep import finding, resume
from ax_moo.sweep.budget import Budget, failure_sentence
from ax_moo.sweep.cancellation import cancel_and_wait
from ax_moo.sweep.evaluation import next_state
from ax_moo.sweep.nodes import NodeWatch, to_avoid
from ax_moo.sweep.observers import Observer, Observers, Progress
from ax_moo.sweep.pause import pause
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.resume import PreviousRun
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.slots import FreeSlots
from ax_moo.sweep.state import Cause, Closed, LoopState, NoNewTrials, Open, Reason, closed, with_no_new_trials
from ax_moo.sweep.submission import Submitter
from ax_moo.sweep.trials import Trials
from ax_moo.system import disk, signals
from ax_moo.system.clock import steady_clock
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import error_line
from ax_moo.trial import Job, Trial, TrialStatus

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""The interval is fixed; a candidate or the result of a job ends the pause early (``sweep.pause``)."""


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
    ) -> None:
        self._problem = problem
        self._settings = settings
        self._launcher = launcher
        self._folder = folder
        self._storage = storage or JournalStorage(folder)
        self._slots = min(settings.n_jobs, launcher.max_jobs or settings.n_jobs)
        self._optimizer = optimizer
        self._design = design
        self._observers = Observers(observers)
        self._about = dict(about or {})
        self._previous_run = previous_run
        self._clock = clock or steady_clock(previous_run.last_time if previous_run else 0.0)
        self._budget = Budget(settings.n_trials, settings.timeout_hours, settings.max_failure_rate)
        self._trials = Trials()
        self._handles: dict[int, JobHandle] = {}
        self._staged: list[Trial] = []
        self._poll_errors: dict[int, str] = {}
        self._sweep_id = previous_run.sweep_id if previous_run else journal.new_id()
        self._submitter = Submitter(launcher, problem.search_space, self._sweep_id)
        self._node_watch = NodeWatch()
        self._lookahead = LookaheadRule(settings.lookahead, settings.method)
        self._waiting_slots = FreeSlots()
        self._state: LoopState = Open()
        self._paused = False

    def run(self) -> SweepResult:
        """Run to the end of the budget.

        Raises:
            ConfigError: Ax cannot be used, or the first submission was refused.
            KeyboardInterrupt: the jobs keep running, and their trials are RUNNING in the journal.
        """
        self._journal = disk.until_written(self._storage.open, self._folder)
        previous = list(self._previous_run.trials) if self._previous_run else []
        told, held_back = resume.told_and_held_back(previous)
        if self._design is not None:
            self._design.replay(told)
        background = BackgroundOptimizer(lambda: self._optimizer(told), self._design)
        try:
            with signals.sigterm_as_ctrl_c(), background as self._background, closing(self._observers):
                self._observers.tell(lambda observer: observer.open(self._problem, previous))
                self._begin(previous, held_back)
                while (reason := self._step()) is None:
                    self._pause()
        except ConfigError as error:
            if not self._has_submitted:
                self._journal.remove()  # so that the corrected command can begin in the same folder
            elif isinstance(error, disk.CannotWrite):
                self._save_beside()
            raise
        finally:
            self._journal.close()
            if isinstance(self._launcher, Prepares):
                self._launcher.close()
        ending = SweepResult(list(self._trials), reason)
        if ending.stopped and taken_over_by(self._folder) is None:
            with suppress(OSError):  # the next run of the sweep clears the request too
                stop_request.clear(self._folder)
        return ending

    @property
    def running(self) -> list[Trial]:
        return [self._trials[index] for index in self._handles]

    @property
    def jobs(self) -> list[Job]:
        """The running jobs, including those that could not be recorded in the journal."""
        return [handle.job for handle in self._handles.values()]

    @property
    def has_submitted(self) -> bool:
        """Whether any run of this sweep has ever submitted a job."""
        return self._has_submitted

    def cancel(self) -> None:
        """Cancel the running jobs of an interrupted sweep, and wait until they have ended."""
        self._observers = Observers([])
        self._journal = disk.until_written(self._storage.open, self._folder)
        with closing(self._journal):
            self._cancel()

    def _save_beside(self) -> None:
        """Save the trials' states in another file, because the journal is gone or belongs to somebody else."""
        try:
            saved = self._journal.save_beside()
        except OSError as error:
            log.error("The states of the trials could not be saved: %s", error)
            return
        if saved is not None:
            log.error("The journal of this sweep is saved as %s; move it to %s to go on", saved, self._journal.path)

    def _begin(self, previous: Sequence[Trial], held_back: Sequence[Trial]) -> None:
        """Write the journal's first line, or continue each trial from the state in which an earlier run left it."""
        self._started = self._previous_run.started if self._previous_run else self._clock()
        if not self._previous_run:
            about = {"time": self._started, journal.ID: self._sweep_id, **self._about}
            disk.until_written(lambda: self._journal.begin(self._problem.to_dict(), about), self._journal.path)
        self._trials = Trials(sorted(previous, key=lambda trial: trial.index))
        self._lookahead.note_previous(previous)
        if previous and previous[-1].next_knows is not None:
            self._ask_again(held_back)
        for trial in list(self._trials):
            if trial.status is TrialStatus.STAGED:
                self._take_up_staged(trial)
            elif trial.status is TrialStatus.RUNNING:
                self._take_up_running(trial)
        if previous and resume.was_about_to_ask(previous):
            self._ask_ahead()

    def _ask_again(self, held_back: Sequence[Trial]) -> None:
        """Ask for the candidate that a killed sweeper was preparing, from the results that this candidate knew."""
        if self._budget.remaining(self._trials) > 0:
            self._ask(known=self._trials.finished - len(held_back))
        for trial in held_back:
            self._background.tell(trial)

    def _take_up_staged(self, trial: Trial) -> None:
        handle = finding.find(self._launcher, self._submitter.request(trial), self._folder, self._about)
        if handle is None:
            self._staged.append(trial)
        else:
            self._note_running(trial, handle)

    def _take_up_running(self, trial: Trial) -> None:
        handle, reason = None, "the job ran inside a sweeper that has ended"
        if trial.job is not None and trial.job.folder:
            handle = finding.attach(self._launcher, trial.job, self._submitter.request(trial))
            reason = "another sweep's job has taken the place of its files"
        if handle is not None:
            self._handles[trial.index] = handle
        else:
            self._enter_staged(trial.retry(reason, counts=False, time=self._clock()))

    def _step(self) -> Reason | None:
        """One round of the loop. Returns the reason of the end once nothing runs and nothing more will start."""
        disk.until_written(self._journal.keep, self._journal.path)
        self._poll()
        self._look_for_an_end()
        if not isinstance(self._state, Closed) and self._has_room():
            self._fill()
        progress = Progress(self._trials, self._elapsed(), self._budget, self._background.is_computing)
        self._observers.tell(lambda observer: observer.on_poll(progress))
        return self._why_over()

    def _why_over(self) -> Reason | None:
        match self._state:
            case Closed(reason) if not self._handles:
                return reason
            case NoNewTrials(reason) if not self._handles and not self._staged:
                return reason
        return None

    def _pause(self) -> None:
        duration = self._lookahead.trial_seconds
        trial_seconds = self._elapsed() if duration is None else duration
        pause(self._background.wait, self._handles.values(), POLL_SECONDS, trial_seconds)

    def _poll(self) -> None:
        for index, handle in list(self._handles.items()):
            try:
                trial = self._next_state(self._trials[index], handle)
            except Exception as error:
                # A network file system may fail for a moment; the next round tries again.
                self._warn_of_poll_error(index, error)
                continue
            self._poll_errors.pop(index, None)
            if trial is not None:
                self._collect(trial)

    def _warn_of_poll_error(self, index: int, error: Exception) -> None:
        """Warn once for each reason: the sweep waits without limit for a job whose state cannot be read."""
        level = logging.DEBUG if self._poll_errors.get(index) == repr(error) else logging.WARNING
        self._poll_errors[index] = repr(error)
        log.log(level, "The state of trial %d's job cannot be read, the sweep tries again: %r", index, error)

    def _next_state(self, trial: Trial, handle: JobHandle) -> Trial | None:
        """The trial in its next state, or None while its job has not ended."""
        state = handle.state()
        if not state.has_ended:
            return None
        retries = self._settings.retries
        return next_state(trial, handle, state, self._problem, self._trials.outcome, retries, self._clock())

    def _collect(self, trial: Trial) -> None:
        del self._handles[trial.index]
        if trial.status is TrialStatus.STAGED:
            self._enter_staged(trial)
        else:
            self._enter(trial)
            self._background.tell(trial)

    def _enter_staged(self, trial: Trial) -> None:
        self._enter(trial)
        self._staged = sorted([*self._staged, trial], key=lambda each: each.index)

    def _look_for_an_end(self) -> None:
        """Close the sweep, or stop new trials, once there is a reason for it."""
        request = stop_request.asked(self._folder)
        if request is not None:
            self._close(Cause.STOP_ASKED, "ax-moo stop asked the sweep to end")
        if request is stop_request.StopRequest.NOW:
            self._cancel()
        elif self._budget.is_exceeded_by(self._trials.failed, self._trials.judged):
            self._close(Cause.TOO_MANY_FAILURES, failure_sentence(self._trials, self._settings.max_failure_rate))
        elif self._budget.is_out_of_time(self._elapsed()):
            self._close(Cause.TIME_IS_UP, f"the time is up (timeout_hours={self._settings.timeout_hours})")
        elif self._budget.remaining(self._trials) == 0:
            self._stop_new_trials(Reason(Cause.BUDGET_USED, f"all {self._settings.n_trials} trials were started"))

    def _cancel(self) -> None:
        running = {index: (self._trials[index], handle) for index, handle in self._handles.items()}
        self._handles = dict(cancel_and_wait(running, self._enter, self._clock))

    def _has_room(self) -> bool:
        """Whether the disk has room: a job that starts on a full disk is lost, while running jobs wait for room."""
        has_room = disk.has_room(self._folder)
        if not has_room and not self._paused:
            log.warning("Paused: the disk of %s is full; trials start again as soon as there is room", self._folder)
        elif has_room and self._paused:
            log.info("There is room on the disk again")
        self._paused = not has_room
        return has_room

    def _fill(self) -> None:
        if self._launcher.is_blocking and self._handles:
            return
        is_ready = not self._starts_more or self._is_launcher_ready()
        self._stage()
        more_of_the_round = self._background.is_busy and self._lacks_trials()
        if self._staged and is_ready and not (more_of_the_round and self._waits_for_more):
            self._submit()
        if self._has_submitted:  # the first jobs do not share the cores with the import of Ax
            self._background.prepare(self._settings.n_trials)
        self._ask_ahead()

    def _ask_ahead(self) -> None:
        """Ask for the candidate of the next slot that becomes free; one for a free slot has been asked for before.

        A launcher that blocks may run its jobs in this process, where Ax would change their random numbers.
        """
        if self._wants_trials() and not self._launcher.is_blocking and self._lookahead.prepares_ahead:
            self._ask(self._trials.finished)

    def _stage(self) -> None:
        """Stage the candidate that is ready if a slot is free for it, and ask for the next if there is another slot."""
        self._waiting_slots.count(self._free_slots - len(self._staged), self._clock())
        self._ask_for_a_free_slot()
        while self._lacks_trials() and (candidate := self._background.take()):
            self._enter_staged(self._trial_of(candidate))
            self._ask_for_a_free_slot()
            if not self._submits_whole_rounds:
                break
        if self._lacks_trials() and self._wants_trials():
            if self._background.gave_up:
                self._stop_new_trials(_why_no_candidate(self._background.gave_up))
            elif self._background.is_waiting and not self._handles and not self._staged:
                self._stop_new_trials(
                    Reason(Cause.NO_CANDIDATE, "Ax needs more results for a candidate, and no trial is running")
                )

    def _ask_for_a_free_slot(self) -> None:
        if self._lacks_trials() and self._wants_trials():
            self._ask(self._trials.finished)

    def _trial_of(self, candidate: Candidate) -> Trial:
        now = self._clock()
        return Trial(
            index=self._trials.next_number,
            parameterization=dict(candidate.parameterization),
            generation_node=candidate.generation_node,
            generation_seconds=candidate.seconds,
            knows=candidate.knows,
            slot_wait_seconds=round(self._waiting_slots.fill(now), 3),
            arm=candidate.arm,
            time=now,
        )

    def _lacks_trials(self) -> bool:
        """Whether a slot is free for which no trial is staged."""
        return self._slots - len(self._handles) > len(self._staged)

    def _wants_trials(self) -> bool:
        """Whether the sweep may have one more trial, in a slot that is free or in the next one."""
        is_next = self._slots - len(self._handles) >= len(self._staged)
        return is_next and self._is_open and self._budget.remaining(self._trials) > 0

    def _ask(self, known: int) -> None:
        self._background.ask(index=self._trials.next_number, finished=known)

    @property
    def _starts_more(self) -> bool:
        return bool(self._staged) or (self._is_open and self._budget.remaining(self._trials) > 0)

    def _is_launcher_ready(self) -> bool:
        return not isinstance(self._launcher, Prepares) or self._launcher.is_ready()

    @property
    def _is_open(self) -> bool:
        return isinstance(self._state, Open)

    @property
    def _free_slots(self) -> int:
        return max(0, self._slots - len(self._handles))

    @property
    def _submits_whole_rounds(self) -> bool:
        """Whether the next round is submitted as a whole: a sweep's first one, and each one of a blocking launcher."""
        return self._launcher.is_blocking or (not self._submitter.one_by_one and not self._has_submitted)

    @property
    def _waits_for_more(self) -> bool:
        waited = self._clock() - min(trial.time for trial in self._staged)
        return self._submits_whole_rounds or self._submitter.waits_for_more(waited)

    @property
    def _has_submitted(self) -> bool:
        return bool(self._handles) or self._trials.has_had_job

    def _submit(self) -> None:
        ready = self._staged[: self._free_slots]
        with signals.deferred():
            trials = ready if self._submits_whole_rounds or self._submitter.takes_several else ready[:1]
            batch, handles = self._submitter.submit(trials, not self._has_submitted, self._nodes_to_avoid())
            # All handles are kept before the first is recorded: all these jobs run, also where recording fails.
            self._handles |= {trial.index: handle for trial, handle in zip(batch, handles, strict=True)}
            for trial, handle in zip(batch, handles, strict=True):
                self._staged.remove(trial)
                self._note_running(trial, handle)
        if self._submitter.has_given_up and not self._handles:
            self._close(Cause.NO_JOB_TAKEN, self._submitter.stop_reason)

    def _nodes_to_avoid(self) -> Callable[[Trial], tuple[str, ...]]:
        now = self._clock()
        avoided = self._node_watch.look(self._trials.on_bad_nodes, now)
        return lambda trial: to_avoid(trial, avoided, now)

    def _note_running(self, trial: Trial, handle: JobHandle) -> None:
        self._handles[trial.index] = handle
        self._enter(trial.to(TrialStatus.RUNNING, job=handle.job, time=self._clock()))

    def _enter(self, trial: Trial) -> None:
        """Record a trial's new state: first in the journal, then in memory, then with the observers."""
        trial = dataclasses.replace(trial, next_knows=self._background.knows)
        disk.until_written(lambda: self._journal.record(trial), self._journal.path)
        self._trials.enter(trial)
        self._lookahead.note(trial)
        self._observers.tell(lambda observer: observer.on_trial_state(trial))

    def _stop_new_trials(self, reason: Reason) -> None:
        self._set_state(with_no_new_trials(self._state, reason), reason)

    def _close(self, cause: Cause, why: str) -> None:
        reason = Reason(cause, why)
        self._set_state(closed(self._state, reason), reason)

    def _set_state(self, state: LoopState, reason: Reason) -> None:
        if state != self._state:
            running = f"; {len(self._handles)} still running" if self._handles else ""
            log.info("No new trials: %s%s", reason.words, running)
        self._state = state

    def _elapsed(self) -> float:
        return self._clock() - self._started


def _why_no_candidate(error: Exception) -> Reason:
    if isinstance(error, SearchSpaceExhausted):
        return Reason(Cause.SPACE_EXHAUSTED, f"the search space is exhausted: {error}")
    return Reason(Cause.OPTIMIZER_FAILED, f"Ax has no candidate ({error_line(error)})")
