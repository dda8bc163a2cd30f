"""LocalHandle: watching and ending a local job, from the process that submitted it or any later one."""

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ax_moo.jobs.launcher import JobResult, JobState
from ax_moo.trial import Fault, Job
from ax_moo_launchers.files import LOCAL, exit_file, is_id, process_file, read_json, read_own_json
from ax_moo_launchers.handle import SubmititHandle
from ax_moo_launchers.job.exit_codes import NO_RESULT, TIME_LIMIT, exit_words
from ax_moo_launchers.local.processes import (
    Sight,
    boot_of_machine,
    group_members,
    is_one_of_ours,
    sight_of,
    start_of,
)

log = logging.getLogger(__name__)

_SILENCE_S = 60.0
_DYING_S = 5.0


class LocalHandle(SubmititHandle):
    """A local job, which the pid and the start of its controller identify in any later process."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._heartbeat: float | None = None
        self._heard_at = time.monotonic()
        self._gone_at: float | None = None
        self._is_cancelled = False

    @cached_property
    def _record(self) -> dict[str, Any]:
        """Whose the process is; nothing where another user could have written it."""
        return read_own_json(process_file(self.folder, self.job.job_id)) or {}

    @property
    def n_tasks(self) -> int:
        return int(self._record.get("n_tasks", 1))

    @property
    def gpus(self) -> tuple[str, ...]:
        return tuple(self._record.get("gpus") or ())

    def state(self) -> JobState:
        if self.has_results():
            self.is_alive()
            return JobState.FINISHED
        if self.is_alive():
            return JobState.RUNNING
        # Checked again after the process is gone, because it may have written its result in between.
        if self.has_results(every=False):
            return JobState.FINISHED
        return JobState.LOST if self._has_lost_its_result() else JobState.RUNNING

    def cancel(self) -> None:
        """Ask the controller to end its tasks; without a controller, kill the rest of its process group."""
        self._is_cancelled = True
        if not self.is_here:
            log.warning("Job %s runs on %s and can only be cancelled there.", self.job.job_id, self._record.get("host"))
        elif self._has_controller():
            self._signal(os.kill, signal.SIGTERM)
            self._signal(os.kill, signal.SIGCONT)  # a controller that is stopped would not hear of it
        else:
            self._end_now()

    def _end_now(self) -> None:
        if self.is_here and (self._has_controller() or self._orphans()):
            self._signal(os.killpg, signal.SIGKILL)
            deadline = time.monotonic() + _DYING_S
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.01)

    def _signal(self, send: Callable[[int, int], None], number: signal.Signals) -> None:
        if not is_id(self.job.job_id, LOCAL):
            return
        if not is_one_of_ours(self._pid):
            log.warning(
                "Job %s is not ended: process %d does not show that it runs a job of this user's. If it does,"
                " end it with: kill %d",
                *(self.job.job_id, self._pid, self._pid),
            )
            return
        try:
            send(self._pid, number)
        except ProcessLookupError:
            pass
        except OSError as error:
            log.warning("Job %s cannot be cancelled from here: %s", self.job.job_id, error.strerror)

    def is_alive(self) -> bool:
        """Whether any process of the job runs: its controller, or tasks that outlived a killed controller."""
        if not self.is_here:
            return not self._has_ended() and self._is_heard()
        return self._has_controller() or (not self._has_ended() and bool(self._orphans()))

    def _has_lost_its_result(self) -> bool:
        """Whether no result will come from a job whose processes have ended; files of this host appear at once."""
        if self._gone_at is None:
            self._gone_at = time.monotonic()
        note = read_json(exit_file(self.folder, self.job.job_id))
        ended_well = note is not None and not note.get("reason") and not any(note.get("exit_codes", [1]))
        return (self.is_here and (not ended_well or self._is_torn())) or self._is_overdue(self._gone_at, ended_well)

    @property
    def _pid(self) -> int:
        return int(self.job.job_id)

    @property
    def is_here(self) -> bool:
        return bool(self._record.get("host") == socket.gethostname())

    def _has_ended(self) -> bool:
        return exit_file(self.folder, self.job.job_id).exists()

    def _has_controller(self) -> bool:
        sight = self._sight
        if sight is Sight.HIDDEN:
            # The process cannot be examined, so the job's files say whether it lives, as for a job on another host.
            return not self._reap() and not self._has_ended() and self._is_heard()
        if sight is Sight.ZOMBIE:
            self._reap()
        # Its words are not asked: a job that counts as lost runs again, so twice, while a signal only may do harm.
        return sight is Sight.RUNS

    def _reap(self) -> bool:
        """Reap the controller if it is our child and has ended, so that it does not stay a zombie."""
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(self._pid, os.WNOHANG)[0] != 0
        return False

    def _orphans(self) -> list[int]:
        """The remaining processes in the group of a controller that has ended.

        A pid is not reused while a process group has its number: another process with that pid means that the group
        is gone.
        """
        if not self._is_same_boot or self._is_anothers_pid:
            return []
        return group_members(self._pid)

    @property
    def _sight(self) -> Sight:
        return sight_of(self._pid, self._record.get("start")) if self._is_same_boot else Sight.GONE

    @property
    def _is_anothers_pid(self) -> bool:
        return start_of(self._pid) not in (None, self._record.get("start"))

    @property
    def _is_same_boot(self) -> bool:
        return bool(self._record.get("boot") == boot_of_machine())

    def _is_heard(self) -> bool:
        """Whether the controller has touched its file within the last minute, by our own clock.

        From another host this heartbeat is the job's only sign of life.
        """
        try:
            heartbeat = process_file(self.folder, self.job.job_id).stat().st_mtime
        except OSError:
            return False
        if heartbeat != self._heartbeat:
            self._heartbeat, self._heard_at = heartbeat, time.monotonic()
        return time.monotonic() - self._heard_at < _SILENCE_S

    def _without_result(self, why: str) -> JobResult:
        if why.startswith(TIME_LIMIT):
            return JobResult(error=why, fault=Fault.TIME_LIMIT)
        is_rebooted = self.is_here and not self._is_same_boot and not self._has_ended()
        return JobResult(error=why, fault=Fault.NODE_FAILED if is_rebooted else None)

    def _why_lost(self) -> str:
        note = read_json(exit_file(self.folder, self.job.job_id))
        if note is None and self._is_cancelled:
            return "cancelled"
        if note is None and not self.is_here:
            return f"no result, and no sign of life from {self._record.get('host', 'its host')}, where it ran"
        if note is None and not self._is_same_boot:
            return f"its machine was rebooted, {NO_RESULT}"
        if note is None:
            return f"killed together with its controller process {self.job.job_id}, {NO_RESULT}"
        if note.get("reason"):
            return str(note["reason"])
        failed = [code for code in note.get("exit_codes", []) if code]
        return f"{exit_words(failed[0] if failed else 0)}, {NO_RESULT}"
