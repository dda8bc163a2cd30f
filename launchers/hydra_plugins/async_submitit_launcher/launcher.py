"""The launchers as Hydra finds them; whatever is expensive to import waits until a job is submitted."""

from typing import TYPE_CHECKING

from hydra_plugins.async_submitit_launcher import (
    _base,
    config,  # noqa: F401  Hydra 1.4 imports this module alone, and the config must be registered
)

if TYPE_CHECKING:
    from ax_moo_launchers.queue import Queue


class AsyncLocalLauncher(_base.AsyncSubmititLauncher):
    """Jobs are processes of this machine, each in a session of its own and with its own GPU."""

    name = "async_local"

    def _open_queue(self) -> "Queue":
        from ax_moo_launchers.local.queue import LocalQueue

        return LocalQueue(self.params)


class AsyncSlurmLauncher(_base.AsyncSubmititLauncher):
    """Jobs are Slurm's; a first round goes out as one job array."""

    name = "async_slurm"

    def _open_queue(self) -> "Queue":
        from ax_moo_launchers.slurm.queue import SlurmQueue

        return SlurmQueue(self.params)
