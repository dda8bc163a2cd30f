"""A Slurm job as any later process can watch and end it."""

import contextlib
import logging
import os
import time

from ax_moo.jobs import JobState
from ax_moo.trial import Job
from hydra_plugins.async_submitit_launcher._handle import SubmititHandle
from hydra_plugins.async_submitit_launcher._scheduler import Phase, SlurmWatcher
from hydra_plugins.async_submitit_launcher._slurm_commands import call

log = logging.getLogger(__name__)

_GRACE_S = 10.0


class SlurmHandle(SubmititHandle):
    """A Slurm job, known by its id."""

    def __init__(self, job: Job, watcher: SlurmWatcher, n_tasks: int = 1) -> None:
        super().__init__(job, n_tasks)
        self._watcher = watcher
        watcher.watch(job.job_id)

    def state(self) -> JobState:
        if self._is_there(every=True):
            return JobState.FINISHED
        verdict = self._watcher.verdict(self.job.job_id)
        if verdict.phase is Phase.PENDING:
            return JobState.PENDING
        # On a network file system the result may come into sight some time after the job has ended.
        if verdict.phase is Phase.RUNNING or time.monotonic() - verdict.since < _GRACE_S:
            return JobState.RUNNING
        return JobState.FINISHED if self._is_there(every=False) else JobState.LOST

    def cancel(self) -> None:
        status, _, error = call(["scancel", self.job.job_id])
        if status != 0 and "Invalid job id" not in error:
            log.warning("Job %s could not be cancelled: %s", self.job.job_id, error.strip())

    def _is_there(self, every: bool) -> bool:
        with contextlib.suppress(OSError):
            # Makes a network file system look again: https://stackoverflow.com/questions/3112546
            os.chmod(self.folder, self.folder.stat().st_mode)
        if not self.has_results(every):
            return False
        self._watcher.forget(self.job.job_id)
        return True

    def _why_lost(self) -> str:
        return f"{self._watcher.how_it_ended(self.job.job_id)}, no result written"
