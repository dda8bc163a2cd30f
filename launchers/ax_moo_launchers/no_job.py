"""NoJob: stands for the job of a trial that cannot have one."""

from hydra.core.utils import JobReturn, JobStatus

from ax_moo.jobs.launcher import JobResult, JobState
from ax_moo.trial import Job


class NoJob:
    """A trial whose own settings are wrong: it fails with this sentence, and the sweep goes on."""

    def __init__(self, why: str) -> None:
        self.job = Job("none", "")
        self._why = why

    def state(self) -> JobState:
        return JobState.FINISHED

    def result(self) -> JobResult:
        return JobResult(error=self._why)

    def job_return(self) -> JobReturn:
        failed = JobReturn()
        failed.return_value, failed.status = RuntimeError(self._why), JobStatus.FAILED
        return failed

    def cancel(self) -> None:
        """Do nothing: there is no job."""

    def withdraw(self) -> None:
        """Do nothing: there is no job."""
