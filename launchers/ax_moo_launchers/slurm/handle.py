"""SlurmHandle: watching and ending a Slurm job, from the process that submitted it or any later one."""

import contextlib
import dataclasses
import os
import re
import time
from functools import cached_property

from ax_moo.jobs.launcher import JobResult, JobState
from ax_moo.trial import Job
from ax_moo_launchers.handle import SubmititHandle
from ax_moo_launchers.job.exit_codes import NO_RESULT, exit_words
from ax_moo_launchers.slurm import commands
from ax_moo_launchers.slurm.faults import End, fault_of
from ax_moo_launchers.slurm.watcher import Phase, SlurmWatcher
from ax_moo_launchers.submitted_jobs import n_tasks_of

_REFRESH_S = 5.0
_TAIL = 10_000
BY_ITSELF = ("FAILED", "COMPLETED")
_TOO_MUCH = re.compile(rb"^slurmstepd\S*: error: .*\b(?:exceeded memory limit|oom-kill event)", re.MULTILINE)


class SlurmHandle(SubmititHandle):
    """A Slurm job, which its id identifies."""

    def __init__(self, job: Job, watcher: SlurmWatcher) -> None:
        super().__init__(job)
        self._refreshed_at = float("-inf")
        self._is_lost = False
        self.ask_through(watcher)

    def ask_through(self, watcher: SlurmWatcher) -> None:
        """Use this watcher. Handles with the same watcher share their queries to Slurm."""
        self._watcher = watcher
        watcher.watch(self.job.job_id)

    @cached_property
    def n_tasks(self) -> int:
        return n_tasks_of(self.folder, self.job.job_id)

    def state(self) -> JobState:
        if self._is_lost:
            return JobState.LOST
        if time.monotonic() - self._refreshed_at > _REFRESH_S:
            self._refresh()
        if self.has_results(every=True):
            return self._finished()
        verdict = self._watcher.verdict(self.job.job_id)
        if verdict.phase is not Phase.ENDED:
            return JobState.PENDING if verdict.phase is Phase.PENDING else JobState.RUNNING
        self._refresh()
        if self.has_results(every=False):
            return self._finished()
        return self._lost() if self._is_overdue(verdict.since, verdict.ended_well) else JobState.RUNNING

    def cancel(self) -> None:
        self._watcher.cancel(self.job.job_id)

    def _end_now(self) -> None:
        self.cancel()

    def _finished(self) -> JobState:
        self._watcher.forget(self.job.job_id)
        return JobState.FINISHED

    def _lost(self) -> JobState:
        """Cancel a lost job: its trial may run in another job now, so Slurm must not requeue this one."""
        self._is_lost = True
        self._watcher.cancel(self.job.job_id)
        self._watcher.forget(self.job.job_id)
        return JobState.LOST

    def _refresh(self) -> None:
        """Make a network file system drop its cache of the folder: https://stackoverflow.com/questions/3112546"""
        self._refreshed_at = time.monotonic()
        with contextlib.suppress(OSError):
            os.chmod(self.folder, self.folder.stat().st_mode)

    @cached_property
    def _end(self) -> End:
        """How the job ended, asked for once it is lost."""
        end = self._watcher.how_it_ended(self.job.job_id)
        if end.state in ("FAILED", "CANCELLED") and self._took_too_much():
            return dataclasses.replace(end, words="OUT_OF_MEMORY by its log")
        return end

    def _why_lost(self) -> str:
        words = re.sub(r"exit code (\d+):0", _in_words, self._end.words)
        return f"{words}, {NO_RESULT}"

    def _without_result(self, why: str) -> JobResult:
        if self.has_results(every=False):  # one that cannot be read
            return JobResult(error=why)
        was_preempted = self._end.state in BY_ITSELF and commands.was_preempted(self.job.job_id)
        return JobResult(error=why, fault=fault_of(self._end, self._note() or "", was_preempted), node=self._end.node)

    def _took_too_much(self) -> bool:
        """Whether the log says that the job ran out of memory.

        Slurm itself does not say it if a cluster limits memory without cgroups, or while accounting is late.
        """
        with contextlib.suppress(OSError):
            logs = [path.read_bytes()[-_TAIL:] for path in self.folder.glob(f"{self.job.job_id}_*_log.*")]
            return any(_TOO_MUCH.search(log) for log in logs)
        return False


def _in_words(match: re.Match[str]) -> str:
    return exit_words(int(match.group(1)))
