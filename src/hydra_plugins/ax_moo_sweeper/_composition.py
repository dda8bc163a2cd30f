"""Says in a sentence why Hydra cannot compose the config of a sweep, which Hydra ends with code 1 for."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.ax_moo_sweeper._mistakes import end_for_a_mistake


def explain_what_does_not_compose() -> None:
    """Wrap the two methods with which Hydra's main function composes. They do what they did for other sweepers."""
    from ax_moo.system.hydra_internals import hydra_class

    hydra = hydra_class()
    for name in ("get_mode", "compose_config"):
        method = getattr(hydra, name)
        if not hasattr(method, "__wrapped__"):
            setattr(hydra, name, _explained(method))


def _explained(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def explained(self: Any, config_name: str | None, overrides: list[str], *rest: Any, **options: Any) -> Any:
        given = list(overrides)
        try:
            return method(self, config_name, overrides, *rest, **options)
        except (HydraException, OmegaConfBaseException, ValueError, AssertionError) as error:
            if options.get("from_shell", True) and options.get("validate_sweep_overrides", True):
                _end_if_ours(self.config_loader, config_name, given, error)
            raise

    return explained


def _end_if_ours(loader: Any, config_name: str | None, overrides: Sequence[str], error: Exception) -> None:
    from ax_moo.session.composition import why_not_composed

    reason = why_not_composed(loader, config_name, overrides, error)
    if reason is not None:
        end_for_a_mistake(reason)
