"""The Slurm job of ``ax-moo submit``, which runs a sweep's command and goes on with it after a requeue."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.jobs import environment, folders
from ax_moo.storage import stop_request
from ax_moo.system.disk import is_same_folder, replace_file
from ax_moo.system.signals import let_in, recorded, warning_signal
from ax_moo.trial import Job
from ax_moo_launchers.files import has_pickle
from ax_moo_launchers.slurm import commands as slurm
from ax_moo_launchers.submitted_jobs import submitted_job

LINGER_SECONDS = 600.0
"""How long an interrupted job waits for Slurm to end it, which Slurm does some seconds after its signal."""

_POLL_SECONDS = 0.2
_HOME_FILE = "home"


class Controller:
    """Runs the sweep's command as a child process, and again after each time limit and preemption."""

    def __init__(self, command: Sequence[str], cwd: str, folder: str, python_path: str | None, grace_s: float) -> None:
        self.command = list(command)
        self.cwd = cwd
        self.folder = folder
        self.python_path = python_path
        self.grace_s = grace_s
        self._pid: int | None = None

    def __call__(self) -> None:
        """Run the sweep to its end, and exit with its code."""
        child = subprocess.Popen(
            self.command,
            cwd=self.cwd,
            env=self._environment(os.environ),
            stdin=subprocess.DEVNULL,
            # Slurm sends submitit's signal to every process of the job. It would end a child without a handler.
            preexec_fn=_ignore_submitits_signal,
        )
        self._pid = child.pid
        with recorded(signal.SIGTERM) as came, let_in(warning_signal()):
            # child.wait() is not used: the signal handler that calls checkpoint would interrupt it, and waits itself.
            while not _has_ended(child.pid):
                time.sleep(_POLL_SECONDS)
            code, self._pid = child.wait(), None
            if came and code not in (0, 1):
                # Slurm is about to end the job. A job that ends by itself first is not requeued after preemption.
                time.sleep(LINGER_SECONDS)
        sys.exit(code)

    def checkpoint(self) -> Any:
        """Interrupt the sweep, which leaves its jobs running, and let the requeued job resume it."""
        import submitit

        self._end_child()
        if stop_request.asked(Path(self.folder)) is not None:
            print("ax-moo stop asked the sweep to end: the job is not requeued", flush=True)
            return None
        self._pid = None
        return submitit.helpers.DelayedSubmission(self)

    def _end_child(self) -> None:
        until = time.monotonic() + self.grace_s
        self._signal_child(signal.SIGTERM)
        while self._pid is not None and not _has_ended(self._pid):
            if time.monotonic() > until:
                # A kill loses no trial. Without it Slurm might kill this process too, which then could not requeue.
                self._signal_child(signal.SIGKILL)
            time.sleep(_POLL_SECONDS)

    def _signal_child(self, number: signal.Signals) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment without this job's variables, because the sweep submits jobs of its own."""
        kept = environment.inherited(environ)
        kept.pop("PYTHONPATH", None)
        return kept if self.python_path is None else {**kept, "PYTHONPATH": self.python_path}


def controller_folder(sweep_folder: Path) -> Path:
    return sweep_folder / folders.DEFAULT / "controller"


def queued_controller(sweep_folder: Path) -> Job | None:
    """The Slurm job that runs this sweep or waits to run it; None where Slurm knows of none.

    The files of a controller may have been copied together with the sweep folder of which it is.
    """
    job = submitted_job(controller_folder(sweep_folder))
    if job is not None and _is_copied(job):
        return None
    states = slurm.queue_states([job.job_id]) if job else None
    if job is None or not states or states.get(job.job_id, "COMPLETED") in slurm.ENDED:
        return None
    return job


def note_home(files: Path) -> None:
    replace_file(files / _HOME_FILE, str(files))


def _is_copied(controller: Job) -> bool:
    files = Path(controller.folder)
    try:
        home = Path((files / _HOME_FILE).read_text())
    except (FileNotFoundError, NotADirectoryError):  # an earlier version wrote none
        return False
    return has_pickle(home, controller.job_id) and not is_same_folder(home, files)


def _has_ended(pid: int) -> bool:
    """Whether a child has ended; its exit code stays for a later wait."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _ignore_submitits_signal() -> None:
    signal.signal(warning_signal(), signal.SIG_IGN)
