"""What local jobs and Slurm jobs share: reading a job's result from its files, and the protocol of a queue."""

import os
import pickle
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hydra.core.utils import JobReturn, JobStatus

from ax_moo.jobs.launcher import JobHandle, JobRequest, JobResult, JobState, result_of
from ax_moo.system.contained import contained
from ax_moo.system.disk import PASSING
from ax_moo.system.strangers import read_own
from ax_moo.system.text import error_line, one_line
from ax_moo.trial import Fault, Job
from ax_moo_launchers.files import is_whole, note_file, result_file, submitted_file
from ax_moo_launchers.no_job import NoJob

LATE_RESULT_S = 120.0
"""How long to wait for the result of a job that ended well: a network file system may show the file late."""

NO_RESULT_S = 10.0
"""How long to wait for the result of a job that ended badly: it has probably written none."""

_TORN = "its result file is empty or incomplete, as after a power failure"


class SubmititHandle(ABC):
    """A submitted job, which its id and its folder alone identify."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.folder = Path(job.folder)
        self._whole: dict[Path, tuple[int, int]] = {}
        self._result_path = str(result_file(self.folder, job.job_id))
        self._is_result_noticed = False

    @property
    @abstractmethod
    def n_tasks(self) -> int:
        """The number of the job's tasks, read from its files, so that a handle in a later process knows it too."""

    @abstractmethod
    def state(self) -> JobState: ...

    def may_have_ended(self) -> bool:
        """Whether the result of the first task has appeared since the last call."""
        if self._is_result_noticed or not os.path.exists(self._result_path):
            return False
        self._is_result_noticed = True
        return True

    @abstractmethod
    def cancel(self) -> None: ...

    @abstractmethod
    def _why_lost(self) -> str:
        """Why this job ended without a result, in one line."""

    def withdraw(self) -> None:
        """Undo the submission: the job is not found again, and does no work if it has not begun."""
        submitted_file(self.folder, self.job.job_id).unlink(missing_ok=True)
        self._end_now()

    @abstractmethod
    def _end_now(self) -> None: ...

    def result(self) -> JobResult:
        left = self._left_behind()
        if isinstance(left, str):
            return JobResult(error=left, fault=Fault.NODE_FAILED) if self._is_torn() else self._without_result(left)
        return result_of(left)

    def _without_result(self, why: str) -> JobResult:
        return JobResult(error=why)

    def job_return(self) -> JobReturn:
        """The result as a Hydra launcher returns it; reading the value of a lost job raises."""
        left = self._left_behind()
        if not isinstance(left, str):
            return left
        lost = JobReturn()
        lost.return_value = RuntimeError(f"job {self.job.job_id}: {left}; see the logs in {self.folder}")
        lost.status = JobStatus.FAILED
        return lost

    def has_results(self, every: bool = True) -> bool:
        """Whether the results of all tasks have been written; without ``every``, that of the first, which counts."""
        tasks = range(self.n_tasks) if every else range(1)
        return all(self._is_whole(result_file(self.folder, self.job.job_id, task)) for task in tasks)

    def _is_whole(self, result: Path) -> bool:
        """Whether a result is whole; it is read once, while the job's other tasks are waited for."""
        try:
            found = result.stat()
        except OSError:
            return is_whole(result)
        version = (found.st_size, found.st_mtime_ns)
        if self._whole.get(result) != version and is_whole(result):
            self._whole[result] = version
        return self._whole.get(result) == version

    def _is_torn(self) -> bool:
        """Whether the job has written its result, and a part of the file is lost."""
        path = result_file(self.folder, self.job.job_id)
        return path.exists() and not self._is_whole(path)

    def _is_overdue(self, ended_at: float, ended_well: bool) -> bool:
        """Whether to stop waiting for the results of a job that ended at this time of ``time.monotonic``."""
        patience = LATE_RESULT_S if ended_well and not self._is_torn() else NO_RESULT_S
        return self._note() is not None or time.monotonic() - ended_at >= patience

    def _left_behind(self) -> JobReturn | str:
        """What the job returned, or one line that says why it returned nothing."""
        if self._is_torn():
            return f"{_TORN}: {result_file(self.folder, self.job.job_id)}"
        if not self.has_results(every=False):
            return one_line(self._note() or self._why_lost())
        try:
            content = read_own(result_file(self.folder, self.job.job_id))
        except OSError as error:
            if error.errno in PASSING:
                raise
            return _unreadable(error)
        try:
            with contained():
                outcome, result = pickle.loads(content)
        except Exception as error:  # whatever the application's own classes raise
            return _unreadable(error)
        return result if outcome == "success" else _last_exception(result)

    def _note(self) -> str | None:
        try:
            return note_file(self.folder, self.job.job_id).read_text()
        except OSError:
            return None


def _unreadable(error: Exception) -> str:
    return one_line(f"the result cannot be read: {error_line(error)}")


def _last_exception(traceback_text: str) -> str:
    """Type and message of the exception in a formatted traceback: the text after its last indented line."""
    lines = str(traceback_text).strip().splitlines()
    indented = [number for number, line in enumerate(lines) if line.startswith("  ")]
    return one_line(" ".join(lines[indented[-1] + 1 :] if indented else lines[-1:]) or lines[-1])


class Queue(Protocol):
    """Submits a launcher's jobs, on this machine or to Slurm."""

    @property
    def max_jobs(self) -> int | None:
        """How many jobs can run at once; None means that there is no limit."""
        ...

    @property
    def default_parallel(self) -> int | None:
        """How many jobs of a blocking launch run at once if the user sets no limit; None means all."""
        ...

    def check(self) -> None: ...

    def check_params(self, params: Mapping[str, Any]) -> None:
        """Raise a ConfigError if no job can have these settings, which are those of one trial."""
        ...

    def for_attempt(self, params: Mapping[str, Any], faults: Sequence[Fault]) -> dict[str, Any]:
        """A trial's settings for its attempt after others that ended with these faults."""
        ...

    def submit(
        self, calls: Mapping[JobRequest, tuple[Any, ...]], params: Mapping[JobRequest, Mapping[str, Any]]
    ) -> Sequence[SubmititHandle | NoJob]:
        """Submit one call (a function and its arguments) for each request: all calls, or none if this raises.

        ``params`` are the launcher's settings for each request. A trial whose own settings the scheduler refuses, while
        it takes those of others, has no job.
        """
        ...

    def is_ready(self) -> bool:
        """Whether a job should be submitted now; False while something that lets it begin sooner is being prepared."""
        ...

    def close(self) -> None:
        """End what was prepared for further jobs. The jobs live on."""
        ...

    def adopt(self, handle: JobHandle) -> None:
        """Take over a job that an earlier process submitted, perhaps to a queue of another kind."""
        ...

    @property
    def base(self) -> Path:
        """The folder that contains the folders of all jobs, and perhaps those of other sweeps' jobs."""
        ...

    def folder(self, request: JobRequest) -> Path:
        """The folder with the files of the request's job."""
        ...

    def end_ready_jobs(self) -> None:
        """End the jobs that wait for trials, where a queue has such jobs."""
        ...

    def end_orphans(self, folder: Path) -> None:
        """End the jobs that an interrupted submission has left in an attempt's folder."""
        ...
