"""Fills the free slots: with trials that are staged, and with candidates for new ones."""

from collections.abc import Callable

from ax_moo.jobs.launcher import AsyncLauncher, Prepares
from ax_moo.sweep.course import Course
from ax_moo.sweep.nodes import NodeWatch, to_avoid
from ax_moo.sweep.state import Cause
from ax_moo.sweep.steps.asking import Asking
from ax_moo.sweep.steps.submission import Submitter
from ax_moo.system import signals
from ax_moo.trial import Trial


class Filling:
    """Submits what is staged, and asks for what is missing."""

    def __init__(self, course: Course, asking: Asking, launcher: AsyncLauncher, submitter: Submitter) -> None:
        self._course = course
        self._asking = asking
        self._launcher = launcher
        self._submitter = submitter
        self._node_watch = NodeWatch()

    def fill(self) -> None:
        course = self._course
        if self._launcher.is_blocking and course.handles:
            return
        starts_more = bool(course.staged) or course.may_begin_trials
        is_ready = not starts_more or self._is_launcher_ready()
        self._asking.stage(as_many_as_are_ready=self._submits_whole_rounds)
        more_of_the_round = bool(course.background.knows) and course.lacks_trials
        if course.staged and is_ready and not (more_of_the_round and self._waits_for_more) and not self._is_ax_at_work:
            self._submit()
        if course.has_submitted and course.may_begin_trials:  # the first jobs do not share the cores with Ax's import
            course.background.prepare(course.budget.n_trials)
        self._asking.ask_ahead()

    def _is_launcher_ready(self) -> bool:
        return not isinstance(self._launcher, Prepares) or self._launcher.is_ready()

    @property
    def _is_ax_at_work(self) -> bool:
        """Whether a job inside this process would share its random numbers with Ax: a resume may ask for candidates."""
        return self._launcher.is_blocking and self._course.background.is_computing

    @property
    def _submits_whole_rounds(self) -> bool:
        """Whether the next round is submitted as a whole: a sweep's first one, and each one of a blocking launcher."""
        return self._launcher.is_blocking or (not self._submitter.one_by_one and not self._course.has_submitted)

    @property
    def _waits_for_more(self) -> bool:
        waited = self._course.clock() - min(trial.time for trial in self._course.staged)
        return self._submits_whole_rounds or self._submitter.waits_for_more(waited)

    def _submit(self) -> None:
        course = self._course
        ready = course.staged[: course.free_slots]
        with signals.deferred():
            trials = ready if self._submits_whole_rounds or self._submitter.takes_several else ready[:1]
            batch, handles = self._submitter.submit(trials, not course.has_submitted, self._nodes_to_avoid())
            # All handles are kept before the first is recorded: all these jobs run, also where recording fails.
            course.handles |= {trial.index: handle for trial, handle in zip(batch, handles, strict=True)}
            for trial, handle in zip(batch, handles, strict=True):
                course.staged.remove(trial)
                course.run(trial, handle)
        if self._submitter.has_given_up and not course.handles:
            course.close(Cause.NO_JOB_TAKEN, self._submitter.stop_reason)

    def _nodes_to_avoid(self) -> Callable[[Trial], tuple[str, ...]]:
        now = self._course.clock()
        avoided = self._node_watch.look(self._course.trials.on_bad_nodes, now)
        return lambda trial: to_avoid(trial, avoided, now)
