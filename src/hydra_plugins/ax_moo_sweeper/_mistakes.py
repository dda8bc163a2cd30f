"""Ends the process for a mistake, also for one that Hydra meets before there is a sweeper."""

import functools
import sys
from typing import Any, NoReturn

from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

_MISTAKE = 2
_OURS = "hydra_plugins.ax_moo_sweeper."


def end_for_a_mistake(message: str) -> NoReturn:
    from ax_moo.system.redaction import message_without_secrets
    from ax_moo.system.terminal import say_as_error

    say_as_error(f"hydra/sweeper=ax_moo: {message_without_secrets(message)}")
    sys.exit(_MISTAKE)


def end_for_what_cannot_be_resolved(key: str, error: OmegaConfBaseException, remedy: str) -> NoReturn:
    from ax_moo.system.text import first_line

    end_for_a_mistake(f"{key}: {first_line(error)}; {remedy}")


def resolve_before_hydra_does() -> None:
    """Look at ``hydra.sweeper`` before Hydra resolves and instantiates it, where a mistake ends in a traceback.

    Nothing of a sweeper's is called before, so that Hydra's public method is wrapped. It does what it did for others.
    """
    instantiate = Plugins.instantiate_sweeper
    if hasattr(instantiate, "__wrapped__"):
        return

    @functools.wraps(instantiate)
    def checked(self: Plugins, **context: Any) -> Any:
        _check_resolves(context["config"])
        return instantiate(self, **context)

    Plugins.instantiate_sweeper = checked


def _check_resolves(config: DictConfig) -> None:
    as_written: Any = OmegaConf.to_container(config.hydra, resolve=False)
    sweeper = as_written["sweeper"]
    if not isinstance(sweeper, dict):
        return
    target = str(sweeper.get("_target_"))
    if not target.startswith(_OURS):
        if as_written["runtime"]["choices"].get("hydra/sweeper") == "ax_moo":
            end_for_a_mistake(
                f"hydra.sweeper._target_: {target} is another sweeper, which a config file names though hydra/sweeper"
                " is ax_moo; leave the line out; ax-moo migrate CONFIG.yaml rewrites a config of another sweeper"
            )
        return
    try:
        OmegaConf.to_container(config.hydra.sweeper, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        remedy = "give a value" if isinstance(error, MissingMandatoryValue) else "give a value that can be resolved"
        end_for_what_cannot_be_resolved(str(error.full_key or "hydra.sweeper"), error, remedy)
