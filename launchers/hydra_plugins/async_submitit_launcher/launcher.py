"""The launcher classes that Hydra instantiates; expensive modules are imported only when a job is submitted."""

from typing import TYPE_CHECKING, Any

from hydra_plugins.async_submitit_launcher import (
    _base,
    config,  # noqa: F401  Hydra 1.4 imports this module alone, and the config must be registered
)

if TYPE_CHECKING:
    from ax_moo.jobs.launcher import AsyncLauncher
    from ax_moo_launchers.handle import Queue


class AsyncLocalLauncher(_base.AsyncSubmititLauncher):
    """Runs jobs as processes of this machine, each in its own session and with its own GPU."""

    name = "async_local"

    def _open_queue(self) -> "Queue":
        from ax_moo_launchers.local.queue import LocalQueue

        return LocalQueue(self.params)


class AsyncSlurmLauncher(_base.AsyncSubmititLauncher):
    """Runs jobs on Slurm; a first round is submitted as one job array."""

    name = "async_slurm"

    def _open_queue(self) -> "Queue":
        from ax_moo_launchers.slurm.queue import SlurmQueue

        return SlurmQueue(self.params)


_OURS = {"local": "AsyncLocalLauncher", "slurm": "AsyncSlurmLauncher"}


def adopt(launcher: Any) -> "AsyncLauncher | None":
    """Our launcher with the params of a stock Submitit launcher; None for a launcher of another kind.

    The stock launcher is recognized by its attributes, because Hydra 1.3 may load a plug-in's module twice, and then
    its class exists twice.
    """
    from ax_moo.jobs.launcher import AsyncLauncher

    if isinstance(launcher, AsyncLauncher):
        return launcher
    kind, params = getattr(launcher, "_EXECUTOR", None), getattr(launcher, "params", None)
    if kind not in _OURS or not isinstance(params, dict):
        return None
    from hydra_plugins.async_submitit_launcher import launcher as ours

    adopted = getattr(ours, _OURS[kind])(**params)
    adopted.setup(
        hydra_context=launcher.hydra_context,
        task_function=launcher.task_function,
        config=launcher.config,
    )
    assert isinstance(adopted, AsyncLauncher)
    return adopted
