"""Jobs as processes of this machine, and the GPUs that each gets."""

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from submitit.core import utils  # this module is imported when a job is submitted
from submitit.local import local

from ax_moo.errors import ConfigError
from ax_moo.jobs import JobHandle, JobRequest, JobState
from ax_moo.trial import Job
from hydra_plugins.async_submitit_launcher import _environment, _gpus
from hydra_plugins.async_submitit_launcher._attach import attach
from hydra_plugins.async_submitit_launcher._files import attempt_folder, process_file, submitted_job, write_aside
from hydra_plugins.async_submitit_launcher._local_handle import LocalHandle
from hydra_plugins.async_submitit_launcher._processes import boot_of_machine, start_of
from hydra_plugins.async_submitit_launcher._scheduler import SlurmWatcher

_CONTROLLER = "hydra_plugins.async_submitit_launcher._controller"
_FOR_EVER_MIN = 60 * 24 * 365 * 10


class LocalQueue:
    """Submits to this machine, and remembers which GPUs the unfinished jobs on it hold."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self._pool: _gpus.GpuPool | None = None
        self._checked = False
        self._jobs: dict[Job, LocalHandle] = {}
        self._watcher = SlurmWatcher()

    @property
    def base(self) -> Path:
        return Path(utils.JobPaths.get_first_id_independent_folder(str(self.params["submitit_folder"])))

    @property
    def max_jobs(self) -> int | None:
        """How many jobs the GPUs take; None where jobs need none."""
        self.check()
        if self._pool is None or not self._pool.gpus_per_job:
            return None
        return len(self._pool.gpus) * self._pool.jobs_per_gpu // self._pool.gpus_per_job

    def check(self) -> None:
        if (self.params.get("nodes") or 1) > 1:
            raise ConfigError("hydra.launcher.nodes is more than 1, but a local job has this machine only: set 1.")
        if not self._checked:
            self._pool = _gpus.open_pool(self.params)
            self._checked = True

    def submit(self, calls: Mapping[JobRequest, tuple[Any, ...]]) -> Sequence[LocalHandle]:
        self.check()
        handles: list[LocalHandle] = []
        try:
            for request, call in calls.items():
                handles.append(self._submit_one(request, call))
        except BaseException:
            # All or none: the caller would not know of those that run already.
            for handle in handles:
                handle.cancel()
            raise
        return handles

    def attach(self, job: Job) -> JobHandle:
        handle = attach(job, self._watcher)
        if isinstance(handle, LocalHandle) and handle.is_here:
            self._jobs[job] = handle
        return handle

    def find(self, trial: int, attempt: int = 1) -> JobHandle | None:
        job = submitted_job(attempt_folder(self.base, trial, attempt))
        return None if job is None else self.attach(job)

    def _submit_one(self, request: JobRequest, call: tuple[Any, ...]) -> LocalHandle:
        folder = attempt_folder(self.base, request.trial, request.attempt)
        executor = _Executor(folder, self._next_gpus(), self.params)
        job = Job(executor.submit(*call).job_id, str(folder))
        self._jobs[job] = LocalHandle(job)
        return self._jobs[job]

    def _next_gpus(self) -> tuple[str, ...] | None:
        self._jobs = {job: handle for job, handle in self._jobs.items() if handle.is_alive()}
        if self._pool is None:
            return None
        states = [(handle, handle.state()) for handle in self._jobs.values()]
        held = [handle.gpus for handle, state in states if state is JobState.RUNNING]
        fading = [handle.gpus for handle, state in states if state is not JobState.RUNNING]
        return self._pool.take(held, fading)


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
        self._forget_earlier(process.pid)
        self._record(process.pid)
        # Tells subprocess that nobody waits for this one: LocalHandle reaps it by its pid.
        process.returncode = 0
        return local.LocalJob(folder=self.folder, job_id=str(process.pid), tasks=list(range(self.n_tasks)))

    def _forget_earlier(self, pid: int) -> None:
        """Process ids come again, and a folder may hold what an earlier job of the same id left there."""
        for path in self.folder.glob(f"{pid}_*"):
            if path.suffix in (".pkl", ".json", ".txt"):
                path.unlink()

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
        record = {
            "host": socket.gethostname(),
            "boot": boot_of_machine(),
            "pid": pid,
            "start": start_of(pid),
            "gpus": self.gpus,
            "n_tasks": self.n_tasks,
        }
        write_aside(process_file(self.folder, str(pid)), json.dumps(record))
