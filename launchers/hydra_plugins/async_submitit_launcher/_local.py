"""Jobs as processes of this machine."""

import contextlib
import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from submitit.core import utils  # this module is imported when a job is submitted
from submitit.local import local

from ax_moo.errors import ConfigError
from ax_moo.jobs import JobState
from ax_moo.trial import Job
from hydra_plugins.async_submitit_launcher import _environment, _gpus
from hydra_plugins.async_submitit_launcher._handle import (
    SubmititHandle,
    exit_file,
    process_file,
    read_json,
    submitted_job,
    write_aside,
)

log = logging.getLogger(__name__)

_CONTROLLER = "hydra_plugins.async_submitit_launcher._controller"
_SILENCE_S = 60.0
_FOR_EVER_MIN = 60 * 24 * 365 * 10


class LocalQueue:
    """Submits to this machine, and remembers which GPUs its unfinished jobs hold."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self._pool: _gpus.GpuPool | None = None
        self._checked = False
        self._jobs: list[LocalHandle] = []

    @property
    def base(self) -> Path:
        return Path(utils.JobPaths.get_first_id_independent_folder(str(self.params["submitit_folder"])))

    def check(self) -> None:
        if (self.params.get("nodes") or 1) > 1:
            raise ConfigError("hydra.launcher.nodes is more than 1, but a local job has this machine only: set 1.")
        if not self._checked:
            self._pool = _gpus.open_pool(self.params)
            self._checked = True

    def submit(self, calls: Mapping[int, tuple[Any, ...]]) -> Sequence["LocalHandle"]:
        self.check()
        return [self._submit_one(trial, call) for trial, call in calls.items()]

    def attach(self, job: Job) -> "LocalHandle":
        handle = LocalHandle(job, self.params.get("tasks_per_node") or 1)
        self._jobs.append(handle)
        return handle

    def find(self, trial: int) -> "LocalHandle | None":
        job = submitted_job(self.base / str(trial))
        return None if job is None else self.attach(job)

    def _submit_one(self, trial: int, call: tuple[Any, ...]) -> "LocalHandle":
        executor = _Executor(self.base / str(trial), self._next_gpus(), self.params)
        job = executor.submit(*call)
        return self.attach(Job(job.job_id, str(executor.folder)))

    def _next_gpus(self) -> tuple[str, ...] | None:
        if self._pool is None:
            return None
        states = [(handle, handle.state()) for handle in self._jobs if handle.is_alive()]
        self._jobs = [handle for handle, _ in states]
        held = [handle.gpus for handle, state in states if state is JobState.RUNNING]
        fading = [handle.gpus for handle, state in states if state is not JobState.RUNNING]
        return self._pool.take(held, fading)


class LocalHandle(SubmititHandle):
    """A local job, known by its controller's pid and start time, so that any later process can watch it."""

    def __init__(self, job: Job, n_tasks: int) -> None:
        super().__init__(job, n_tasks)
        self._record = read_json(process_file(self.folder, job.job_id)) or {}
        self._heartbeat: float | None = None
        self._heard_at = time.monotonic()

    @property
    def gpus(self) -> tuple[str, ...]:
        return tuple(self._record.get("gpus") or ())

    def state(self) -> JobState:
        if self.has_results():
            self.is_alive()
            return JobState.FINISHED
        if self.is_alive():
            return JobState.RUNNING
        # Asked again after the process is known to be gone: it may have written its result in between.
        return JobState.FINISHED if self.has_results(every=False) else JobState.LOST

    def cancel(self) -> None:
        """The controller ends its tasks, at first kindly; without one the rest of its group is killed."""
        if not self._is_here():
            log.warning("Job %s runs on %s and can be cancelled there only.", self.job.job_id, self._record.get("host"))
        elif self._has_controller():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
        elif self._orphans():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)

    def is_alive(self) -> bool:
        """Whether any process of this job runs: its controller, or tasks that outlived a killed controller."""
        if not self._is_here():
            return not self._has_ended() and self._is_heard()
        return self._has_controller() or (not self._has_ended() and bool(self._orphans()))

    @property
    def _pid(self) -> int:
        return int(self.job.job_id)

    def _is_here(self) -> bool:
        return bool(self._record.get("host") == socket.gethostname())

    def _has_ended(self) -> bool:
        return exit_file(self.folder, self.job.job_id).exists()

    def _has_controller(self) -> bool:
        try:
            process = psutil.Process(self._pid)
            # A pid is given out again; its start time is not.
            if abs(process.create_time() - self._record["create_time"]) > 2:
                return False
            if process.status() != psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return False
        # If it is a child of ours, let it go, or it stays a zombie as long as we live.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, os.WNOHANG)
        return False

    def _orphans(self) -> list[int]:
        """What is left of the process group of a controller that is gone."""
        try:
            os.killpg(self._pid, 0)
        except OSError:
            return []
        return [
            process.pid
            for process in psutil.process_iter(["status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE and _group(process.pid) == self._pid
        ]

    def _is_heard(self) -> bool:
        """Seen from another host a job's only sign of life is its controller's touch; ages by our own clock."""
        try:
            heartbeat = process_file(self.folder, self.job.job_id).stat().st_mtime
        except OSError:
            return False
        if heartbeat != self._heartbeat:
            self._heartbeat, self._heard_at = heartbeat, time.monotonic()
        return time.monotonic() - self._heard_at < _SILENCE_S

    def _why_lost(self) -> str:
        note = read_json(exit_file(self.folder, self.job.job_id))
        if note is None and not self._is_here():
            return f"no result, and no sign of life from {self._record.get('host', 'its host')}, where it ran"
        if note is None:
            return f"killed together with its controller process {self.job.job_id}, no result written"
        if note.get("reason"):
            return str(note["reason"])
        failed = [code for code in note.get("exit_codes", []) if code]
        return _exit_words(failed[0] if failed else 0)


class _Executor(local.LocalExecutor):
    """Submitit's local executor, but for how the controller is started."""

    def __init__(self, folder: Path, gpus: tuple[str, ...] | None, params: Mapping[str, Any]) -> None:
        super().__init__(folder, max_num_timeout=0)
        self._throttling = 0.0
        self.gpus = gpus
        self.limit_min = params.get("timeout_min")
        self.n_tasks = params.get("tasks_per_node") or 1
        self.stderr_to_stdout = bool(params.get("stderr_to_stdout"))
        self.parameters["timeout_min"] = self.limit_min or _FOR_EVER_MIN

    def _submit_command(self, command: str) -> Any:
        limit_s = str(60 * self.limit_min) if self.limit_min else ""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", _CONTROLLER, str(self.folder), limit_s],
            env=self._environment(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in the terminal is for the sweep: its jobs go on.
            start_new_session=True,
        )
        self._record(process.pid)
        # Tells subprocess that nobody waits for this one: LocalHandle reaps it by its pid.
        process.returncode = 0
        return local.LocalJob(folder=self.folder, job_id=str(process.pid), tasks=list(range(self.n_tasks)))

    @property
    def _submitit_command_str(self) -> str:
        # -P: the working directory stays where PYTHONPATH has it, behind the script's own folder.
        return f"{self.python} -P -u -m submitit.core._submit {shlex.quote(str(self.folder))}"

    def _environment(self, command: str) -> dict[str, str]:
        environ = _environment.inherited(os.environ)
        environ.update(
            SUBMITIT_EXECUTOR="local",
            SUBMITIT_LOCAL_NTASKS=str(self.n_tasks),
            SUBMITIT_LOCAL_COMMAND=command,
            SUBMITIT_LOCAL_TIMEOUT_S="0",
            SUBMITIT_LOCAL_SIGNAL_DELAY_S="30",
            SUBMITIT_LOCAL_NODEID="0",
            SUBMITIT_LOCAL_JOB_NUM_NODES="1",
            SUBMITIT_LOCAL_WITH_SHELL="",
            SUBMITIT_STDERR_TO_STDOUT="1" if self.stderr_to_stdout else "",
        )
        if self.gpus is not None:
            environ["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus)
        return environ

    def _record(self, pid: int) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            record = {
                "host": socket.gethostname(),
                "pid": pid,
                "create_time": psutil.Process(pid).create_time(),
                "gpus": self.gpus,
            }
            write_aside(process_file(self.folder, str(pid)), json.dumps(record))


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _exit_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}, no result written"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    return f"killed by signal {-code} ({name}), no result written"
