"""The launcher classes that Hydra instantiates; expensive modules are imported only when a job is submitted."""

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from hydra_plugins.async_submitit_launcher import (
    _base,
    config,  # noqa: F401  Hydra 1.4 imports this module alone, and the config must be registered
)

if TYPE_CHECKING:
    from pathlib import Path

    from ax_moo.jobs.launcher import AsyncLauncher
    from ax_moo_launchers.handle import Queue


def _leave_the_warning_to_the_job() -> None:
    """Ignore, in a rank that a trial has started, the signal before a time limit: Slurm sends it to every process.

    A rank that ended at it would take the trial with it, before that could write a checkpoint or be requeued.
    """
    from ax_moo.system.signals import warning_signal

    if threading.current_thread() is threading.main_thread():
        signal.signal(warning_signal(), signal.SIG_IGN)


def _be_no_run() -> None:
    """Let such a rank have a run of its own in W&B: the trial's is that of the trial's first process."""
    from ax_moo.jobs.environment import OF_ONE_RUN

    for name in OF_ONE_RUN:
        os.environ.pop(name, None)


if "AX_MOO_RANK_OF" in os.environ and "hydra.mode=RUN" in sys.argv:
    _leave_the_warning_to_the_job()
    _be_no_run()


class AsyncLocalLauncher(_base.AsyncSubmititLauncher):
    """Runs jobs as processes of this machine, each in its own session and with its own GPU."""

    name = "async_local"

    def _open_queue(self) -> "Queue":
        from ax_moo_launchers.local.queue import LocalQueue

        return LocalQueue(self.common_params, self.sweep_folder, self._modules_file())

    def _modules_file(self) -> "Path | None":
        """The file in which jobs keep the list of their imports; None if all jobs begin cold."""
        if self.common_params.get("warm") in ("off", False):
            return None
        path = self._list_file()
        self.modules_file = str(path)
        return path


class AsyncSlurmLauncher(_base.AsyncSubmititLauncher):
    """Runs jobs on Slurm; those that are ready together are submitted as one job array."""

    name = "async_slurm"
    submits_together = True

    def _open_queue(self) -> "Queue":
        from ax_moo_launchers.carriers.queue import CarriersQueue

        params, are_alone = self.common_params, self.common_params.get("trials_per_job") in (None, 1)
        kept = None if are_alone else self._list_file("slurm", str(params.get("python") or ""))
        return CarriersQueue(params, self.sweep_folder, kept)


_OURS = {"local": "AsyncLocalLauncher", "slurm": "AsyncSlurmLauncher"}


def adopt(launcher: Any) -> "AsyncLauncher | None":
    """Our launcher with the params of a stock Submitit launcher; None for a launcher that only itself can submit.

    The jobs of a user's class that derives from a stock launcher run through that class.
    """
    from ax_moo.jobs.launcher import AsyncLauncher
    from ax_moo_launchers import stock

    if stock.why_in_rounds(launcher):
        return None
    if isinstance(launcher, AsyncLauncher):
        return launcher
    kind = stock.kind_of(launcher)
    if kind is None:
        return None
    from hydra_plugins.async_submitit_launcher import launcher as ours

    adopted = getattr(ours, _OURS[kind])(**launcher.params)
    adopted.setup(
        hydra_context=launcher.hydra_context,
        task_function=launcher.task_function,
        config=launcher.config,
    )
    if stock.has_own_job(launcher):
        adopted.run_jobs_through(launcher)
    assert isinstance(adopted, AsyncLauncher)
    return adopted
