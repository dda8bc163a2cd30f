"""Running a batch of jobs and waiting for it, as Hydra's other sweepers expect of a launcher."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from hydra.core.utils import JobReturn

from ax_moo.jobs import refusals
from ax_moo.jobs.launcher import JobRequest
from ax_moo.system import signals
from ax_moo.system.disk import PASSING
from ax_moo.system.terminal import say_as_error
from ax_moo.system.text import error_line
from ax_moo.trial import Job
from ax_moo_launchers.handle import SubmititHandle
from ax_moo_launchers.no_job import NoJob

log = logging.getLogger(__name__)

Handle: TypeAlias = SubmititHandle | NoJob

_POLL_S = 0.1
_GONE_S = 60.0


class Batch:
    """The jobs of one blocking launch; at most ``limit`` of them run at once.

    A signal or an exception that ends the batch early also cancels its jobs, because nobody would collect their
    results.
    """

    def __init__(
        self,
        requests: Sequence[JobRequest],
        submit: Callable[[Sequence[JobRequest]], Sequence[Handle]],
        cancel_command: Callable[[Sequence[Job]], str],
        limit: int | None,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._requests = list(requests)
        self._submit = submit
        self._cancel_command = cancel_command
        self._limit = limit
        self._is_ready = is_ready
        self._waiting = list(requests)
        self._running: dict[JobRequest, Handle] = {}
        self._returned: dict[JobRequest, JobReturn] = {}
        self._refusals = 0
        self._not_before = 0.0
        self._poll_errors: dict[str, str] = {}

    def run(self) -> list[JobReturn]:
        """Run all jobs, and return their results in the order of the requests."""
        try:
            while self._waiting or self._running:
                self._fill()
                self._collect()
                if self._running or self._waiting:
                    time.sleep(_POLL_S)
        except BaseException as error:
            self._end(error)
            raise
        return [self._returned[request] for request in self._requests]

    def _fill(self) -> None:
        room = None if self._limit is None else max(0, self._limit - len(self._running))
        requests = self._waiting[:room]
        if not requests or time.monotonic() < self._not_before or not self._is_ready():
            return
        try:
            # A signal must not come between the submission of a job and its entry in _running.
            with signals.deferred():
                handles = self._submit(requests)
                self._running.update(zip(requests, handles, strict=True))
                del self._waiting[: len(requests)]
                self._refusals = 0
        except OSError as error:
            self._refused(error)

    def _refused(self, error: OSError) -> None:
        """Submit again later, if the refusal can end by itself, and is no mistake that the first submission shows."""
        self._refusals += 1
        # The first submission shows a mistake, unless the scheduler says that it is busy.
        has_begun = bool(self._running or self._returned) or isinstance(error, refusals.NotNow)
        passes = error.errno is None or error.errno in PASSING  # a refusal by the scheduler has no errno
        has_given_up = self._refusals >= refusals.MOST_REFUSALS and not self._running
        if not has_begun or not passes or has_given_up:
            raise error
        log.warning("Submission failed, again in %.0f s: %s", refusals.AGAIN_SECONDS, error)
        self._not_before = time.monotonic() + refusals.AGAIN_SECONDS

    def _collect(self) -> None:
        for request, handle in list(self._running.items()):
            try:
                if not handle.state().has_ended:
                    continue
                self._returned[request] = handle.job_return()
            except OSError as error:
                # A network file system fails like this for a moment; the next round looks again.
                self._warn_once(handle.job.job_id, error_line(error))
            else:
                del self._running[request]

    def _warn_once(self, job_id: str, why: str) -> None:
        if self._poll_errors.get(job_id) != why:
            log.warning("The state of job %s cannot be read, the launcher tries again: %s", job_id, why)
        self._poll_errors[job_id] = why

    def _end(self, cause: BaseException) -> None:
        """Cancel the running jobs and wait until they have ended; another signal ends the waiting."""
        try:
            with signals.deferred():
                self._say_why(cause)
                for handle in self._running.values():
                    _cancel(handle)
            if self._running:
                self._wait_until_gone()
        except KeyboardInterrupt:
            say_as_error(f"not waited for: {self._still()}")

    def _say_why(self, cause: BaseException) -> None:
        is_interrupt = isinstance(cause, KeyboardInterrupt)
        why = "interrupted" if is_interrupt else error_line(cause)
        if self._running:
            counts = (
                f"of {len(self._requests)} jobs {len(self._returned)} had ended and {len(self._waiting)} had not begun"
            )
            say_as_error(f"{why}: cancelling these jobs: {self._ids()}; {counts}")
            if is_interrupt and not isinstance(cause, signals.Terminated):
                say_as_error("Ctrl-C again does not wait until they are gone")
        elif is_interrupt:
            say_as_error(f"{why}: no job is running")

    def _wait_until_gone(self) -> None:
        until = time.monotonic() + _GONE_S
        while True:
            self._running = {request: handle for request, handle in self._running.items() if not _has_ended(handle)}
            if not self._running:
                say_as_error("no job is running any more")
                return
            if time.monotonic() > until:
                say_as_error(f"not gone after {_GONE_S:g} s: {self._still()}")
                return
            time.sleep(_POLL_S)

    def _ids(self) -> str:
        return ", ".join(handle.job.job_id for handle in self._running.values())

    def _still(self) -> str:
        command = self._cancel_command([handle.job for handle in self._running.values()])
        return f"these jobs may still run: {self._ids()} (end them with: {command})"


def _cancel(handle: Handle) -> None:
    """Cancel a job; where that fails, the others must still be cancelled."""
    try:
        handle.cancel()
    except Exception as error:
        log.warning("Job %s could not be cancelled: %s", handle.job.job_id, error_line(error))


def _has_ended(handle: Handle) -> bool:
    try:
        return handle.state().has_ended
    except OSError:
        return False
