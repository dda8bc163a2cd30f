"""The asynchronous loop: poll, then fill."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ax_moo import interrupts
from ax_moo.asking import Asking
from ax_moo.budget import Budget
from ax_moo.candidate import AskTell
from ax_moo.errors import ConfigError
from ax_moo.job_results import error_line, one_line
from ax_moo.jobs import AsyncLauncher, JobHandle, JobRequest, JobState
from ax_moo.journal import Journal
from ax_moo.observers import Observer, Progress
from ax_moo.outcomes import BadOutcome, check_sems, to_outcome
from ax_moo.problem import Problem
from ax_moo.settings import Settings
from ax_moo.trial import Outcome, Trial, TrialStatus

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""Fixed and without back-off: a slot is empty for no longer than this and the next candidate's time."""

SUBMIT_AGAIN_SECONDS = 10.0
MOST_REFUSALS = 60
"""So many refusals in a row, with no job running whose end could help, end the sweep."""


@dataclass(frozen=True)
class Ending:
    """How a sweep ended: every trial in its last state, and why no more were started."""

    trials: Sequence[Trial]
    why: str
    too_many_failures: bool = False

    @property
    def succeeded(self) -> bool:
        completed = any(trial.status is TrialStatus.COMPLETED for trial in self.trials)
        return completed and not self.too_many_failures


class Sweep:
    """One sweep in one folder. The journal is written before anybody acts on a trial's new state.

    Generating, submitting, supervising and collecting meet only here: ``asking`` owns the optimizer in a thread of
    its own, ``launcher`` runs jobs, observers are told and never asked. ``optimizer`` is called in that thread, once.
    """

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        launcher: AsyncLauncher,
        folder: Path,
        optimizer: Callable[[], AskTell],
        observers: Sequence[Observer] = (),
        about: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._problem = problem
        self._settings = settings
        self._launcher = launcher
        self._slots = min(settings.n_jobs, launcher.max_jobs or settings.n_jobs)
        self._optimizer = optimizer
        self._observers = list(observers)
        self._about = dict(about or {})
        self._clock = clock
        self._budget = Budget(settings.n_trials, settings.timeout_hours, settings.max_failure_rate)
        self._journal = Journal(folder)
        self._trials: dict[int, Trial] = {}
        self._handles: dict[int, JobHandle] = {}
        self._staged: list[Trial] = []
        self._submit_not_before = 0.0
        self._first_as_one = True
        self._refusals = 0
        self._why_no_more = ""
        self._too_many_failures = False

    def run(self) -> Ending:
        """Run to the end of the budget.

        Raises:
            ConfigError: Ax cannot be used, or the first submission was refused.
            KeyboardInterrupt: jobs go on; the trials are in the journal as RUNNING with their jobs.
        """
        self._started = self._clock()
        self._journal.begin(self._problem.to_dict(), {"time": self._started, **self._about})
        try:
            with interrupts.sigterm_as_ctrl_c(), Asking(self._optimizer) as self._asking, self._watched():
                while self._step():
                    self._asking.wait(POLL_SECONDS)
        except ConfigError:
            if not self._has_submitted:
                self._journal.remove()  # the mended command starts afresh in the same folder
            raise
        finally:
            self._journal.close()
        return Ending(self._known(), self._why_no_more, self._too_many_failures)

    @property
    def running(self) -> list[Trial]:
        return [self._trials[index] for index in self._handles]

    def _step(self) -> bool:
        """One round of the loop; False when nothing runs and nothing more will be started."""
        self._poll()
        self._check_budget()
        if not self._why_no_more:
            self._fill()
        progress = Progress(self._known(), self._elapsed(), self._budget, self._asking.is_busy)
        self._tell_observers(lambda observer: observer.tick(progress))
        return bool(self._handles) or not self._why_no_more

    def _poll(self) -> None:
        for index, handle in list(self._handles.items()):
            state = handle.state()
            if state in (JobState.FINISHED, JobState.LOST):
                del self._handles[index]
                trial = self._judged(self._trials[index], handle)
                self._enter(trial)
                self._asking.tell(trial)

    def _judged(self, trial: Trial, handle: JobHandle) -> Trial:
        result = handle.result()
        now = self._clock()
        if result.error is not None:
            return trial.to(TrialStatus.FAILED, reason=result.error, time=now)
        try:
            outcome = to_outcome(result.value, self._problem)
            check_sems(outcome, self._earlier_outcome(), self._problem)
        except BadOutcome as error:
            return trial.to(TrialStatus.FAILED, reason=one_line(str(error)), time=now)
        except Exception as error:  # what the application returned may run code of its own when it is looked at
            reason = f"its return value cannot be read: {error_line(error)}"
            return trial.to(TrialStatus.FAILED, reason=reason, time=now)
        return trial.to(TrialStatus.COMPLETED, outcome=outcome, time=now)

    def _earlier_outcome(self) -> Outcome | None:
        outcomes = (trial.outcome for trial in self._trials.values() if trial.outcome is not None)
        return next(outcomes, None)

    def _check_budget(self) -> None:
        """Note why no more trials start, once that is so."""
        if self._why_no_more:
            return
        if self._budget.has_failed(self._known()):
            self._too_many_failures = True
            self._end(self._failure_sentence())
        elif self._budget.is_out_of_time(self._elapsed()):
            self._end(f"the time is up (timeout_hours={self._settings.timeout_hours})")
        elif self._budget.remaining(self._known()) == 0 and not self._staged:
            self._end(f"all {self._settings.n_trials} trials were started")

    def _fill(self) -> None:
        if self._launcher.in_rounds and self._handles:
            return
        self._stage()
        if self._staged and not (self._gathers and self._asking.is_busy):
            self._submit()

    def _stage(self) -> None:
        """Take the candidate that is ready, if there is one, and ask for the next if a slot is free for it."""
        candidate = self._asking.take()
        if candidate is not None:
            trial = Trial(
                index=len(self._trials),
                parameterization=dict(candidate.parameterization),
                generation_node=candidate.generation_node,
                arm=candidate.arm,
                time=self._clock(),
            )
            self._enter(trial)
            self._staged.append(trial)
        free = self._slots - len(self._handles) - len(self._staged)
        if free > 0 and self._budget.remaining(self._known()) > 0:
            self._asking.ask(index=len(self._trials), finished=self._finished())
            if self._asking.is_exhausted or (self._asking.is_waiting and not self._handles and not self._staged):
                self._end(self._asking.why)

    @property
    def _gathers(self) -> bool:
        """The first round, and every round of a launcher that works in rounds, is handed over as a whole."""
        return self._launcher.in_rounds or (self._first_as_one and not self._has_submitted)

    @property
    def _has_submitted(self) -> bool:
        return any(trial.job for trial in self._trials.values())

    def _submit(self) -> None:
        if self._clock() < self._submit_not_before:
            return
        batch = self._staged if self._gathers else self._staged[:1]
        space = self._problem.search_space
        requests = [JobRequest(trial.index, space.to_overrides(trial.parameterization)) for trial in batch]
        with interrupts.put_off():
            try:
                handles = self._launcher.submit(requests)
            except Exception as error:
                self._refused(error, len(batch))
                return
            self._refusals = 0
            self._staged = self._staged[len(batch) :]
            for trial, handle in zip(batch, handles, strict=True):
                self._handles[trial.index] = handle
                self._enter(trial.to(TrialStatus.RUNNING, job=handle.job, time=self._clock()))

    def _refused(self, error: Exception, number: int) -> None:
        """A submission failed: a mistake if it is the first, a full queue or a scheduler that is away if it is not.

        A first round that is too much for the queue is handed over one by one.
        """
        if not self._has_submitted and not (isinstance(error, OSError) and number > 1):
            raise error if isinstance(error, ConfigError) else ConfigError(f"hydra/launcher: {error}") from error
        self._refusals += 1
        if self._refusals >= MOST_REFUSALS and not self._handles:
            self._end(f"no job was taken {self._refusals} times in a row: {error}")
            return
        log.warning("Submission failed, again in %.0f s: %s", SUBMIT_AGAIN_SECONDS, error)
        self._first_as_one = False
        self._submit_not_before = self._clock() + SUBMIT_AGAIN_SECONDS

    def _enter(self, trial: Trial) -> None:
        """A trial's new state: journal first, then memory, then those who watch."""
        self._journal.record(trial)
        self._trials[trial.index] = trial
        self._tell_observers(lambda observer: observer.entered(trial))

    def _tell_observers(self, call: Callable[[Observer], None]) -> None:
        for observer in list(self._observers):
            try:
                call(observer)
            except Exception:
                # A terminal that is gone must not end the sweep.
                self._observers.remove(observer)
                log.exception("Progress is not shown any more")

    def _end(self, why: str) -> None:
        self._why_no_more = why
        for trial in self._staged:
            self._enter(trial.to(TrialStatus.ABANDONED, reason=why, time=self._clock()))
        self._staged = []
        log.info("No new trials: %s%s", why, f"; {len(self._handles)} still running" if self._handles else "")

    def _failure_sentence(self) -> str:
        failed = [trial for trial in self._known() if trial.status is TrialStatus.FAILED]
        reason, times = Counter(trial.reason for trial in failed).most_common(1)[0]
        first = next(trial for trial in failed if trial.reason == reason)
        where = f"; see {first.job.folder}" if first.job else ""
        return (
            f"{len(failed)} of {self._finished()} trials failed (max_failure_rate="
            f"{self._settings.max_failure_rate}), {times} of them with: {reason}{where}"
        )

    def _known(self) -> list[Trial]:
        return list(self._trials.values())

    def _finished(self) -> int:
        return sum(trial.status.is_finished for trial in self._trials.values())

    def _elapsed(self) -> float:
        return self._clock() - self._started

    def _watched(self) -> "_Watched":
        return _Watched(self._observers, self._problem)


class _Watched:
    """Opens the observers and closes them however the sweep ends."""

    def __init__(self, observers: Sequence[Observer], problem: Problem) -> None:
        self._observers = observers
        self._problem = problem

    def __enter__(self) -> None:
        for observer in self._observers:
            observer.open(self._problem)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for observer in self._observers:
            observer.close()
