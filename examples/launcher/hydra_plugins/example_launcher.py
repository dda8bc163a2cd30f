"""hydra/launcher=example: a job is a process of this machine, known by the files pid, log and result of its folder."""

import contextlib
import fcntl
import functools
import hashlib
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import cloudpickle
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.plugins.launcher import Launcher
from hydra_plugins.example_job import run

from ax_moo.jobs.launcher import JobResult, JobState, result_of
from ax_moo.jobs.records import record_of
from ax_moo.trial import Job

CONFIG = {"_target_": "hydra_plugins.example_launcher.ExampleLauncher"}
ConfigStore.instance().store(group="hydra/launcher", name="example", node=CONFIG, provider="example")
# Works once it hears that its pid is noted; the pipe of a sweep that was killed before ends without a line.
PROGRAM = "import pickle, sys; sys.stdin.readline() and pickle.load(open(sys.argv[1], 'rb'))()"


class ExampleHandle:
    def __init__(self, folder):
        self.job = Job((folder / "pid").read_text(), str(folder), "example")
        self.log, self.file = folder / "log", folder / "result"

    def state(self):
        lives = self.lives()  # asked first: the result of a process that has ended is there afterwards
        return JobState.FINISHED if self.file.exists() else JobState.RUNNING if lives else JobState.LOST

    def result(self):
        lost = JobResult(error=f"its process ended without a result; see {self.log}")
        return result_of(pickle.loads(self.file.read_bytes())) if self.file.exists() else lost

    def cancel(self):
        if self.lives():
            os.killpg(int(self.job.job_id), signal.SIGKILL)

    def lives(self):  # its processes hold a lock of their log; a pid may be another process's by now
        with open(self.log) as log, contextlib.suppress(BlockingIOError):
            fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        return True


class ExampleLauncher(Launcher):
    is_blocking, max_jobs = False, None

    def setup(self, **given):
        vars(self).update(given)  # hydra_context, task_function, config

    def launch(self, job_overrides, initial_job_idx):
        raise NotImplementedError("hydra/launcher=example runs under hydra/sweeper=ax_moo only")

    def check(self):
        """A launcher with keys of its own raises a ConfigError here for a value that it cannot work with."""

    def submit(self, requests):
        with contextlib.ExitStack() as if_it_fails:
            pipes = [self.start(self.folder(request), request, if_it_fails) for request in requests]
            if_it_fails.pop_all()
        for pipe in pipes:
            with pipe:
                pipe.write(b"go\n")
        return [ExampleHandle(self.folder(request)) for request in requests]

    def start(self, folder, request, if_it_fails):
        folder.mkdir(parents=True, exist_ok=True)
        call = functools.partial(run, self, folder, request, Singleton.get_state())
        (folder / "call").write_bytes(cloudpickle.dumps(call))
        command = [sys.executable, "-c", PROGRAM, str(folder / "call")]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, os.getcwd()])}
        with open(folder / "log", "ab") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            job = subprocess.Popen(command, env=environ, process_group=0, stdin=subprocess.PIPE, stdout=log, stderr=log)
        job.returncode = 0  # nobody waits for it: its lock says whether it lives
        if_it_fails.callback(job.stdin.close)
        if_it_fails.callback((folder / "pid").unlink, missing_ok=True)
        (folder / "pid").write_text(str(job.pid))
        return job.stdin

    def attach(self, job):
        return ExampleHandle(Path(job.folder))

    def find(self, request):
        folder = self.folder(request)
        return ExampleHandle(folder) if (folder / "pid").exists() else None

    def cancel_command(self, jobs):
        return f"kill -9 {' '.join(f'-{job.job_id}' for job in jobs)}" if jobs else ""

    def folder(self, request):  # named after all that tells this job from those of other sweeps and trials
        name = f"{request.trial}-{request.attempt}/{hashlib.sha256(repr(record_of(request)).encode()).hexdigest()[:16]}"
        return Path(str(self.config.hydra.sweep.dir)).absolute() / ".example" / name
