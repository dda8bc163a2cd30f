"""Starting the processes of a local job."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from submitit.core import utils  # this module is imported when a job is submitted
from submitit.local import local

from ax_moo.jobs.launcher import JobRequest
from ax_moo.system.disk import replace_file
from ax_moo.system.private_files import make_folder, private_files
from ax_moo.trial import Job
from ax_moo_launchers import job_environment
from ax_moo_launchers.files import LOCAL, forget_earlier, process_file, submitted_file, task_command
from ax_moo_launchers.local.controller import CONTROLLER
from ax_moo_launchers.local.processes import Sight, boot_of_machine, sight_of, start_of
from ax_moo_launchers.local.warmth import Warmth
from ax_moo_launchers.submitted_jobs import write_record

_FOR_EVER_MIN = 60 * 24 * 365 * 10


class Executor(local.LocalExecutor):
    """Submitit's local executor with our own controller."""

    def __init__(
        self, folder: Path, gpus: tuple[str, ...] | None, params: Mapping[str, Any], warmth: Warmth | None = None
    ) -> None:
        make_folder(folder)  # before Submitit makes it
        super().__init__(folder, max_num_timeout=0)
        self._warmth = warmth
        self.gpus = gpus
        self.limit_min = params.get("timeout_min")
        self.n_tasks = params.get("tasks_per_node") or 1
        self.stderr_to_stdout = bool(params.get("stderr_to_stdout"))

    def submit_call(self, call: tuple[Any, ...], request: JobRequest) -> Job:
        """Start a job for a call. If this raises, no process runs and no file is left."""
        submission = utils.DelayedSubmission(*call)
        submission.set_timeout(self.limit_min or _FOR_EVER_MIN, self.max_num_timeout)
        pickle = self.folder / f"{uuid.uuid4().hex}.pkl"
        pid: int | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with private_files():
                submission.dump(pickle)
            pid = self._start_controller()
            self._record(pid)
            write_record(self.folder, str(pid), request)
            # The controller waits for this pickle. After the rename the job runs, and is found by its folder.
            pickle.rename(submitted_file(self.folder, str(pid)))
        except BaseException:
            pickle.unlink(missing_ok=True)
            if pid is not None:
                self._undo(pid)
            raise
        return Job(str(pid), str(self.folder), LOCAL)

    def _start_controller(self) -> int:
        limit_s = str(60 * self.limit_min) if self.limit_min else ""
        environ = self._environment()
        warm = self._warmth.start_controller(self.folder, limit_s, environ) if self._warmth else None
        return warm or self._start_cold(limit_s, environ)

    def _start_cold(self, limit_s: str, environ: Mapping[str, str]) -> int:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", CONTROLLER, str(self.folder), limit_s],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in the terminal must reach the sweep only, and not its jobs.
            start_new_session=True,
        )
        # subprocess must not wait for this process: LocalHandle reaps it by its pid.
        process.returncode = 0
        forget_earlier(self.folder, str(process.pid))
        return process.pid

    def _undo(self, pid: int) -> None:
        start = start_of(pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # a fork of a warm parent is not our child
            os.waitpid(pid, 0)
        while sight_of(pid, start) is Sight.RUNS:
            time.sleep(0.01)
        forget_earlier(self.folder, str(pid))

    def _record(self, pid: int) -> None:
        record = {
            "host": socket.gethostname(),
            "boot": boot_of_machine(),
            "pid": pid,
            "start": start_of(pid),
            "gpus": self.gpus,
            "n_tasks": self.n_tasks,
        }
        replace_file(process_file(self.folder, str(pid)), json.dumps(record))

    def _environment(self) -> dict[str, str]:
        environ = job_environment.of_local_job(os.environ)
        environ.update(
            SUBMITIT_EXECUTOR="local",
            SUBMITIT_LOCAL_NTASKS=str(self.n_tasks),
            SUBMITIT_LOCAL_COMMAND=task_command(self.python, self.folder),
            SUBMITIT_LOCAL_NODEID="0",
            SUBMITIT_LOCAL_JOB_NUM_NODES="1",
            SUBMITIT_STDERR_TO_STDOUT="1" if self.stderr_to_stdout else "",
        )
        if self.gpus is not None:
            environ["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus)
        return environ
