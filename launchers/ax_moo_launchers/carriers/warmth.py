"""Warm trials of a carrier: forks of a process in its Slurm job that has done their imports."""

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ax_moo_launchers.carriers.left_processes import end_left_processes
from ax_moo_launchers.carriers.program import modules_file, program_of
from ax_moo_launchers.carriers.warm_parent import PARENT
from ax_moo_launchers.job.carried import CARRIED, CARRIER_PID, MODULES
from ax_moo_launchers.warm import warmth
from ax_moo_launchers.warm.parent_process import ParentProcess
from ax_moo_launchers.warm.preloaded import Forked
from ax_moo_launchers.warm.wish import Wish

_SHORT_S = 0.02
_OF_ONE_TRIAL = (CARRIED, CARRIER_PID, MODULES, "SUBMITIT_FOLDER")


class Warmth(warmth.Warmth):
    """The parent of a carrier's trials."""

    def __init__(
        self,
        folder: Path,
        can_fork: bool = True,
        has_to_end: Callable[[], object] = lambda: False,
        end_forks: Callable[[], None] = lambda: end_left_processes(but=set()),
    ) -> None:
        """``folder`` is the queue's. No trial waits for imports when the carrier ``has_to_end``."""
        super().__init__(modules_file(folder), can_fork, partial(print, flush=True), end_forks)
        self._folder = folder
        self._has_to_end = has_to_end

    @property
    def pids(self) -> set[int]:
        """The parent's own process, which does not end with a trial."""
        return {self._parent.pid} if self._parent else set()

    def start(self, folder: Path, out: Path, err: Path, environ: Mapping[str, str]) -> Forked | None:
        """A trial's process; None if it has to begin cold."""
        while not self.is_ready() and not self._has_to_end():
            time.sleep(_SHORT_S)
        pid = self.fork({"folder": str(folder), "out": str(out), "err": str(err)}, environ)
        return None if pid is None else Forked(pid)

    def _start(self, left_out: Mapping[str, str]) -> ParentProcess:
        program = program_of(self._folder)
        wish = Wish(PARENT, str(self.modules_file), program, own_variables=_OF_ONE_TRIAL, left_out=dict(left_out))
        return ParentProcess(wish, dict(os.environ), output=None)
