"""The sweeper that Hydra instantiates: it runs a sweep with Hydra's config, and ends the process with its exit code."""

import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, read_write
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.ax_moo_sweeper import config as _config  # noqa: F401 - Hydra 1.4 imports only this module
from hydra_plugins.ax_moo_sweeper._mistakes import (
    end_for_a_mistake,
    end_for_what_cannot_be_resolved,
    resolve_before_hydra_does,
)

if TYPE_CHECKING:
    from ax_moo.jobs.launcher import AsyncLauncher


_INTERRUPTED = 130
_RESOLVABLE = "give a value that can be resolved"


class AxMooSweeper(Sweeper):
    """The sweeper of ``hydra/sweeper=ax_moo``. Heavy modules are imported inside :meth:`sweep`."""

    def __init__(self, **config: Any) -> None:
        """Ignore the sweeper's config: :meth:`setup` gets the whole one, in which interpolations resolve."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from hydra.core.plugins import Plugins

        from ax_moo.system.log_records import make_visible
        from ax_moo.system.terminal import PATIENCE_SECONDS, never_fail

        never_fail(PATIENCE_SECONDS)
        make_visible()
        self.hydra_context = hydra_context
        self.config = config
        _settle_sweep_dir(config)
        self._unresolved: OmegaConfBaseException | None = None
        context = {"hydra_context": hydra_context, "task_function": task_function}
        try:
            self.launcher = Plugins.instance().instantiate_launcher(config=config, **context)
        except OmegaConfBaseException as error:  # an interpolation in the launcher's config
            self._unresolved = error
            self.launcher = self._without_what_depends_on_the_trial(context)

    def _without_what_depends_on_the_trial(self, context: dict[str, Any]) -> Launcher:
        """The launcher where its config refers to what only a trial's config has; ours resolves it for each trial."""
        from hydra.core.plugins import Plugins

        from ax_moo_launchers.trial_params import without_varying

        try:
            launcher = Plugins.instance().instantiate_launcher(config=without_varying(self.config), **context)
        except OmegaConfBaseException as error:
            end_for_what_cannot_be_resolved("hydra.launcher", error, _RESOLVABLE)
        launcher.setup(config=self.config, **context)
        return launcher

    def sweep(self, arguments: list[str]) -> None:
        """Run the sweep that the config describes.

        The process ends with code 2 for a mistake of the user's, 1 for a sweep that failed, and 130 for Ctrl-C.
        """
        from ax_moo.system.terminal import say_as_error

        try:
            code = self._sweep(arguments)
        except KeyboardInterrupt:
            say_as_error("interrupted: run the same command again to go on with the sweep")
            code = _INTERRUPTED
        if code == _INTERRUPTED:
            _leave(code)
        if code:
            sys.exit(code)

    def _sweep(self, arguments: list[str]) -> int:
        from ax_moo.jobs.launcher import ChecksTrials
        from ax_moo.session.run import run
        from ax_moo.system.errors import ConfigError

        try:
            launcher = _asynchronous(self.launcher)
            if self._unresolved is not None and not isinstance(launcher, ChecksTrials):
                end_for_what_cannot_be_resolved("hydra.launcher", self._unresolved, _RESOLVABLE)
            return run(self.config, self.hydra_context.config_loader, launcher, arguments)
        except ConfigError as error:
            end_for_a_mistake(str(error))


def _settle_sweep_dir(config: DictConfig) -> None:
    """Resolve the sweep's folder once, because in Hydra 1.4 a name with the time would differ for the launcher."""
    try:
        with read_write(config.hydra.sweep):  # in Hydra 1.4 it is read-only by itself
            config.hydra.sweep.dir = str(config.hydra.sweep.dir)
    except OmegaConfBaseException as error:
        end_for_what_cannot_be_resolved("hydra.sweep.dir", error, "give the folder of the sweep")


def _leave(code: int) -> NoReturn:
    """End the process without waiting for the background thread, which may compute a candidate or import Ax."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


def _asynchronous(launcher: Launcher) -> "AsyncLauncher":
    """Our launchers as they are, our counterparts of Submitit's stock launchers, and an adapter for any other."""
    from ax_moo.jobs.blocking import BlockingLauncherAdapter
    from ax_moo_launchers.attach import attacher
    from ax_moo_launchers.stock import why_in_rounds
    from hydra_plugins.async_submitit_launcher.launcher import adopt

    adopted: AsyncLauncher | None = adopt(launcher)
    if adopted is not None:
        return adopted
    return BlockingLauncherAdapter(launcher, attacher(), why_in_rounds(launcher))


resolve_before_hydra_does()
