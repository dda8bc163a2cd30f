"""Hydra's sweeper plug-in: from Hydra's config to a Sweep, and from its ending to an exit code."""

import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.ax_moo_sweeper import config as _config  # noqa: F401 - Hydra 1.4 imports only this module

if TYPE_CHECKING:
    from ax_moo.jobs.launcher import AsyncLauncher


_INTERRUPTED = 130


class AxMooSweeper(Sweeper):
    """``hydra/sweeper=ax_moo``. Everything heavy is imported inside :meth:`sweep`."""

    def __init__(self, **config: Any) -> None:
        """Hydra passes the sweeper's config; :meth:`setup` takes it from the whole config instead, where
        interpolations into other nodes resolve."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from hydra.core.plugins import Plugins

        self.hydra_context = hydra_context
        self.config = config
        _settle_sweep_dir(config)
        self.launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the sweep that the config describes.

        Ends the process with 2 for a mistake of the user's, 1 for a sweep that failed, and 130 for Ctrl-C.
        """
        try:
            code = self._sweep(arguments)
        except KeyboardInterrupt:
            print("interrupted: the same command goes on with what there is of the sweep", file=sys.stderr)
            code = _INTERRUPTED
        if code == _INTERRUPTED:
            _leave(code)
        if code:
            sys.exit(code)

    def _sweep(self, arguments: list[str]) -> int:
        from ax_moo.session.run import run
        from ax_moo.system.errors import ConfigError

        try:
            launcher = _asynchronous(self.launcher)
            return run(self.config, self.hydra_context.config_loader, launcher, arguments)
        except ConfigError as error:
            print(f"hydra/sweeper=ax_moo: {error}", file=sys.stderr)
            return 2


def _settle_sweep_dir(config: DictConfig) -> None:
    """Resolve the sweep's folder once: where its name holds the time, Hydra 1.4 gives the launcher another one."""
    with suppress(OmegaConfBaseException), read_write(config), open_dict(config):
        config.hydra.sweep.dir = str(config.hydra.sweep.dir)


def _leave(code: int) -> NoReturn:
    """End the process without waiting for the candidate that is being computed, or for an import that was cut off."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _asynchronous(launcher: Launcher) -> "AsyncLauncher":
    """Our launchers as they are, Submitit's stock ones made ours, every other one in rounds."""
    from ax_moo.jobs.blocking import BlockingLauncherAdapter
    from ax_moo_launchers.attach import attacher
    from hydra_plugins.async_submitit_launcher.launcher import adopt

    adopted: AsyncLauncher | None = adopt(launcher)
    return adopted if adopted is not None else BlockingLauncherAdapter(launcher, attacher())
