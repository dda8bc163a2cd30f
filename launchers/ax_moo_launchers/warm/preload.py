"""The names of modules that a user wants a parent to import."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

from ax_moo.system.errors import ConfigError


def check_preload(names: Sequence[str]) -> None:
    """Raise a ConfigError for a module that cannot be found. Nothing is imported."""
    for name in names:
        if not _is_there(name):
            raise ConfigError(
                f"hydra.launcher.preload: there is no module {name!r} here; name modules that trials import"
            )


def _is_there(name: str) -> bool:
    package, _, rest = name.partition(".")
    try:
        found = find_spec(package)
    except ValueError:  # __main__ and its like
        found = None
    while rest and found is not None and found.submodule_search_locations and name not in sys.modules:
        part, _, rest = rest.partition(".")
        package = f"{package}.{part}"
        found = _spec_in(package, list(found.submodule_search_locations))
    return found is not None


def _spec_in(name: str, folders: list[str]) -> ModuleSpec | None:
    """As ``importlib.util.find_spec`` finds it, which would import the package."""
    return next((spec for finder in sys.meta_path if (spec := finder.find_spec(name, folders))), None)
