"""Takes up the trials of earlier runs of a sweep where these runs left them."""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.jobs.launcher import AsyncLauncher
from ax_moo.sweep.course import Course
from ax_moo.sweep.resuming import finding
from ax_moo.sweep.steps.asking import Asking
from ax_moo.sweep.steps.submission import Submitter
from ax_moo.sweep.trials import Trials
from ax_moo.trial import Trial, TrialStatus


class TakingUp:
    """Finds the jobs of unfinished trials, and asks for the candidates that the last run was preparing."""

    def __init__(
        self,
        course: Course,
        asking: Asking,
        launcher: AsyncLauncher,
        submitter: Submitter,
        folder: Path,
        about: Mapping[str, Any],
    ) -> None:
        self._course = course
        self._asking = asking
        self._launcher = launcher
        self._submitter = submitter
        self._folder = folder
        self._about = about

    def take_up(self, previous: Sequence[Trial], held_back: Sequence[Trial]) -> None:
        """Continue each trial; ``held_back`` came in after the last run had asked for the candidate."""
        self._course.trials = Trials(sorted(previous, key=lambda trial: trial.index))
        self._course.lookahead.note_previous(previous)
        if previous:
            self._ask_again(previous[-1].next_knows, held_back)
        for trial in list(self._course.trials):
            if trial.status is TrialStatus.STAGED:
                self._take_up_staged(trial)
            elif trial.status is TrialStatus.RUNNING:
                self._take_up_running(trial)

    def _ask_again(self, known: Sequence[int], held_back: Sequence[Trial]) -> None:
        """Ask for the candidates that a killed sweeper was preparing, each from the results that it knew."""
        untold = deque(held_back)
        for number in known:
            while untold and self._course.trials.finished - len(untold) < number:
                self._course.background.tell(untold.popleft())
            self._asking.ask(number)
        for trial in untold:
            self._course.background.tell(trial)

    def _take_up_staged(self, trial: Trial) -> None:
        handle = finding.find(self._launcher, self._submitter.request(trial), self._folder, self._about)
        if handle is None:
            self._course.staged.append(trial)
        else:
            self._course.run(trial, handle)

    def _take_up_running(self, trial: Trial) -> None:
        handle, reason = None, "the job ran inside a sweeper that has ended"
        if trial.job is not None and trial.job.folder:
            handle = finding.attach(self._launcher, trial.job, self._submitter.request(trial))
            reason = "another sweep's job has taken the place of its files"
        if handle is not None:
            self._course.handles[trial.index] = handle
        else:
            self._course.stage(trial.retry(reason, counts=False, time=self._course.clock()))
