"""Submits staged trials to the launcher, and decides what follows from a submission that fails."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ax_moo.jobs import refusals
from ax_moo.jobs.launcher import AsyncLauncher, JobHandle, JobRequest, SubmitsTogether
from ax_moo.search_space.space import SearchSpace
from ax_moo.system import disk
from ax_moo.system.errors import ConfigError
from ax_moo.system.working_folder import WorkingFolder
from ax_moo.trial import Trial

log = logging.getLogger(__name__)

ONE_BY_ONE_SECONDS = 600.0
"""How long after a refusal jobs are submitted one by one."""


class Submitter:
    """Submits trials, and pauses for a while after a refusal."""

    def __init__(self, launcher: AsyncLauncher, search_space: SearchSpace, sweep_id: str = "") -> None:
        self._launcher = launcher
        self._sweep_id = sweep_id
        self._search_space = search_space
        self._not_before = 0.0
        self._refusals = 0
        self._refused_at = float("-inf")
        self._seconds = 0.0
        self._has_submitted = False
        self._working_folder = WorkingFolder()
        self._said = ""
        self.stop_reason = ""

    @property
    def has_given_up(self) -> bool:
        return self._refusals >= refusals.MOST_REFUSALS

    @property
    def one_by_one(self) -> bool:
        """Whether the queue has refused a job lately: it may have room for one, but not for a whole round."""
        return time.monotonic() - self._refused_at < ONE_BY_ONE_SECONDS

    @property
    def takes_several(self) -> bool:
        """Whether trials that are ready together go out together."""
        return isinstance(self._launcher, SubmitsTogether) and self._launcher.submits_together and not self.one_by_one

    def waits_for_more(self, seconds: float) -> bool:
        """Whether trials that have waited so long wait for others, because all can then go out as one.

        They wait no longer than a submission takes: one by one, the second of them would wait for as long.
        """
        return self.takes_several and seconds < self._seconds

    def submit(
        self, trials: Sequence[Trial], is_first: bool, exclude: Callable[[Trial], tuple[str, ...]] = lambda trial: ()
    ) -> tuple[Sequence[Trial], Sequence[JobHandle]]:
        """The trials that were submitted, with their jobs; ``is_first`` says that the sweep never had a job.

        ``exclude`` returns the nodes that a trial's job is to avoid.

        Raises:
            ConfigError: the launcher's config is wrong, or the sweep's first submission failed.
        """
        if not trials or time.monotonic() < self._not_before:
            return [], []
        batch = _consecutive(trials) if self._launcher.is_blocking else trials
        begin = time.monotonic()
        try:
            if (why := self._working_folder.why_gone()) is not None:
                raise refusals.NotNow(why)
            handles = self._launcher.submit([self.request(trial, exclude(trial)) for trial in batch])
        except Exception as error:
            self._refused(error, len(batch), is_first)
            return [], []
        self._refusals, self._has_submitted, self._seconds = 0, True, time.monotonic() - begin
        return batch, handles

    def request(self, trial: Trial, exclude: tuple[str, ...] = ()) -> JobRequest:
        """The job of a trial's current attempt."""
        return replace(request_of(trial, self._search_space, self._sweep_id), exclude=exclude)

    def _refused(self, error: Exception, number: int, is_first: bool) -> None:
        """Raise for a mistake, which the sweep's first submission shows; later, the queue or the disk may be full."""
        no_room = isinstance(error, OSError) and error.errno in disk.NO_ROOM
        is_answer = isinstance(error, refusals.RequestRefused)  # of the scheduler, which may have taken earlier jobs
        if isinstance(error, ConfigError) and not self._has_submitted and (is_first or not is_answer):
            raise error
        may_pass = no_room or isinstance(error, refusals.NotNow) or (isinstance(error, OSError) and number > 1)
        if is_first and not may_pass:
            raise ConfigError(f"hydra/launcher: {error}") from error
        if not no_room:
            self._refusals += 1
            self._refused_at = time.monotonic()
        self.stop_reason = f"the launcher refused {self._refusals} submissions in a row: {error}"
        level = logging.DEBUG if self._said == str(error) and self._working_folder.why_gone() else logging.WARNING
        self._said = str(error)
        log.log(level, "Submission failed, the sweep tries again in %.0f s: %s", refusals.AGAIN_SECONDS, error)
        self._not_before = time.monotonic() + refusals.AGAIN_SECONDS


def request_of(trial: Trial, search_space: SearchSpace, sweep_id: str) -> JobRequest:
    """The job of a trial's current attempt in the sweep with this id."""
    overrides, common = search_space.to_overrides(trial.parameterization), len(search_space.overrides)
    return JobRequest(trial.index, overrides, trial.attempt, sweep_id, faults=trial.faults, common=common)


def _consecutive(trials: Sequence[Trial]) -> Sequence[Trial]:
    """The first trials up to a gap in their numbers, because a blocking launcher numbers its jobs without gaps."""
    first = trials[0].index
    return [trial for position, trial in enumerate(trials) if trial.index == first + position]
