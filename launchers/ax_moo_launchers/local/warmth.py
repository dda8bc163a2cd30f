"""Warm local jobs: their controllers are forks of a parent of the sweeper's process, their tasks forks of these."""

import os
from collections.abc import Mapping
from pathlib import Path

from ax_moo_launchers import job_environment
from ax_moo_launchers.job_environment import GPU_MASKS
from ax_moo_launchers.local.parent import PARENT
from ax_moo_launchers.warm import warmth
from ax_moo_launchers.warm.parent_process import ParentProcess
from ax_moo_launchers.warm.wish import Program, Wish

_OF_ONE_JOB = (
    *GPU_MASKS,
    *("SUBMITIT_EXECUTOR", "SUBMITIT_FOLDER", "SUBMITIT_STDERR_TO_STDOUT", "SUBMITIT_LOCAL_NTASKS"),
    *("SUBMITIT_LOCAL_COMMAND", "SUBMITIT_LOCAL_NODEID", "SUBMITIT_LOCAL_JOB_NUM_NODES", "SUBMITIT_LOCAL_JOB_ID"),
    *("SUBMITIT_LOCAL_LOCALID", "SUBMITIT_LOCAL_GLOBALID"),
)


class Warmth(warmth.Warmth):
    """The parent of this launcher's jobs."""

    def __init__(self, modules_file: Path, preload: tuple[str, ...]) -> None:
        super().__init__(modules_file)
        self.preload = preload

    def start_controller(self, folder: Path, limit: str, environ: Mapping[str, str]) -> int | None:
        """The pid of a controller that is a fork of the parent; None if the job has to begin cold."""
        return self.fork({"folder": str(folder), "limit": limit}, environ)

    def _start(self, left_out: Mapping[str, str]) -> ParentProcess:
        program = Program.here(self.preload)
        wish = Wish(PARENT, str(self.modules_file), program, own_variables=_OF_ONE_JOB, left_out=dict(left_out))
        return ParentProcess(wish, job_environment.of_local_job(os.environ))
