"""Asks for candidates, and makes trials of them."""

from ax_moo.optimizer.base import Candidate, SearchSpaceExhausted
from ax_moo.sweep.course import Course
from ax_moo.sweep.state import Cause
from ax_moo.sweep.steps.slots import FreeSlots
from ax_moo.system.text import error_line
from ax_moo.trial import Trial


class Asking:
    """Keeps candidates in preparation: for a slot that is free, or ahead for those that become free next."""

    def __init__(self, course: Course, is_blocking: bool) -> None:
        self._course = course
        self._is_blocking = is_blocking
        self._waiting_slots = FreeSlots()

    def ask_for_a_free_slot(self) -> None:
        if self._course.lacks_trials:
            self._ask_up_to(1)

    def ask_ahead(self) -> None:
        """Ask for the candidates of the next slots that become free; one for a free slot has been asked for before.

        A launcher that blocks may run its jobs in this process, where Ax would change their random numbers.
        """
        if not self._is_blocking:
            self._ask_up_to(self._course.lookahead.ahead)

    def _ask_up_to(self, number: int) -> None:
        course = self._course
        for _ in range(len(course.background.knows), number):
            if course.wants_trials:
                self.ask(course.trials.finished)

    def ask(self, known: int) -> None:
        """Ask for the candidate of the next trial that has none, which is to know so many results."""
        course = self._course
        asked = len(course.background.knows)
        if course.budget.remaining(course.trials) > asked:
            course.background.ask(index=course.trials.next_number + asked, finished=known)

    def stage(self, as_many_as_are_ready: bool) -> None:
        """Stage the candidate that is ready if a slot is free for it, and ask for the next if there is another slot."""
        course = self._course
        self._waiting_slots.count(course.free_slots - len(course.staged), course.clock())
        self.ask_for_a_free_slot()
        while course.lacks_trials and (candidate := course.background.take()):
            course.stage(self._trial_of(candidate))
            self.ask_for_a_free_slot()
            if not as_many_as_are_ready:
                break
        if course.lacks_trials and course.wants_trials:
            self.ask_for_a_free_slot()  # there may be results that one which was asked for in vain did not know
            self._look_for_an_end()

    def _look_for_an_end(self) -> None:
        """Stop new trials if there will be no candidate for the slot that is free."""
        course = self._course
        error = course.background.gave_up
        if isinstance(error, SearchSpaceExhausted):
            course.stop_new_trials(Cause.SPACE_EXHAUSTED, f"the search space is exhausted: {error}")
        elif error:
            course.stop_new_trials(Cause.OPTIMIZER_FAILED, f"Ax has no candidate ({error_line(error)})")
        elif course.background.is_waiting and not course.handles and not course.staged:
            why = "Ax needs more results for a candidate, and no trial is running"
            course.stop_new_trials(Cause.NO_CANDIDATE, why)

    def _trial_of(self, candidate: Candidate) -> Trial:
        now = self._course.clock()
        return Trial(
            index=self._course.trials.next_number,
            parameterization=dict(candidate.parameterization),
            generation_node=candidate.generation_node,
            model_failed=candidate.model_failed,
            generation_seconds=candidate.seconds,
            knows=candidate.knows,
            slot_wait_seconds=round(self._waiting_slots.fill(now), 3),
            arm=candidate.arm,
            time=now,
        )
