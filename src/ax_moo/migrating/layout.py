"""Where a file configures the sweeper: below hydra.sweeper, in an option of hydra/sweeper, or by its package."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from yaml.nodes import MappingNode

from ax_moo.migrating.document import Comments, Document, Path
from ax_moo.system.errors import ConfigError

_PACKAGE = re.compile(r"^(\s*#\s*@package\s+)(\S+)(.*)$")
_SWEEPER = ("hydra", "sweeper")
_OPTIM = {"optimizer", "budget", "num_workers", "noisy", "maximize", "seed", "max_failure_rate"}
"""The keys of Nevergrad's optim."""
SPACES = ("params", "search_space", "parametrization")


@dataclass(frozen=True)
class Layout:
    """``place`` leads to the mapping that holds the sweeper's keys, or those of ``inside``, a part of it.

    ``header`` is the line of the package, or None. A file ``is_of_its_group`` that has no package of another place, and
    ``is_named_by_group`` if its package says so.
    """

    place: Path
    inside: Path = ()
    header: int | None = None
    is_of_its_group: bool = True
    is_named_by_group: bool = False

    @property
    def is_option(self) -> bool:
        """Whether the whole file is (a part of) the sweeper's config."""
        return not self.place

    @property
    def is_space(self) -> bool:
        return bool(self.inside) and self.inside[-1] in SPACES


def layout_of(document: Document, folder: str = "") -> Layout:
    """Where this file, which lies in ``folder``, has the sweeper's config.

    Raises:
        ConfigError: it is written in braces.
    """
    header, package = _package(document)
    layout = _layout(document, header, package.split("."), folder.replace("\\", "/").endswith("hydra/sweeper"))
    above = [layout.place[:length] for length in range(1, len(layout.place))]
    nodes = [document.root, *(document.places[path].node for path in above if path in document.places)]
    for node in nodes if layout.place else ():
        if isinstance(node, MappingNode) and node.flow_style and node.value:
            raise ConfigError("is written in braces; write each key of hydra and of its sweeper in a line of its own")
    return layout


def sweeper_of(document: Document, layout: Layout) -> dict[str, Any]:
    """The sweeper's keys, as they would be below hydra.sweeper."""
    for length in range(1, len(layout.place) + 1):
        if not isinstance(document.value(layout.place[:length]), Mapping | None):
            raise ConfigError(f"{'.'.join(layout.place[:length])} must be a mapping of keys; give the sweeper's config")
    value = document.value(layout.place)
    found: dict[str, Any] = {key: each for key, each in (value or {}).items() if key != "defaults"}
    for key in reversed(layout.inside):
        found = {key: found}
    inner = found.get("params")
    if _holds_all_keys(inner):
        return {**{key: each for key, each in found.items() if key != "params"}, **inner}
    return found


def _holds_all_keys(params: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether ``params`` has the sweeper's own keys, as under Hydra 1.0; a parameter may be called ``optim``, too."""
    if not isinstance(params, Mapping):
        return False
    optim = params.get("optim")
    return (isinstance(optim, Mapping) and bool(optim) and optim.keys() <= _OPTIM) or any(
        isinstance(params.get(key), Mapping) for key in ("parametrization", "ax_config")
    )


def comments_of(document: Document, layout: Layout) -> dict[Path, Comments]:
    """The comments of the sweeper's keys; those above a file's first key are the file's."""
    depth = len(layout.place)
    found = {
        (*layout.inside, *path[depth:]): comments
        for path, comments in document.comments.items()
        if path[:depth] == layout.place and len(path) > depth and path[depth] != "defaults"
    }
    first = next((path for path in document.places if path != ("defaults",)), None)
    if layout.is_option and first is not None:
        found[(*layout.inside, *first)] = Comments((), found[(*layout.inside, *first)].beside)
    return found


def new_header(document: Document, layout: Layout) -> str | None:
    """The line of the package for the migrated part, nothing for one that Hydra has by itself; None where it stays."""
    if layout.header is None or not (layout.inside or layout.is_named_by_group):
        return None
    if layout.is_named_by_group:
        return ""
    package = "hydra.sweeper.params" if layout.is_space else "hydra.sweeper"
    return _PACKAGE.sub(rf"\g<1>{package}\g<3>", document.lines[layout.header])


def _layout(document: Document, header: int | None, package: list[str], is_in_group: bool) -> Layout:
    if package[:2] == [*_SWEEPER]:
        return Layout((), tuple(package[2:]), header, is_of_its_group=is_in_group)
    if package == ["hydra"] or ("hydra" not in document.values and isinstance(document.values.get("sweeper"), dict)):
        return Layout(("sweeper",), (), header)
    if "hydra" in document.values or _chooses_a_sweeper(document):
        return Layout(_SWEEPER, (), header)
    return Layout((), (), header, is_named_by_group=package == ["_group_"])


def _chooses_a_sweeper(document: Document) -> bool:
    defaults = document.values.get("defaults")
    entries = defaults if isinstance(defaults, list) else []
    return any("hydra/sweeper" in str(key) for entry in entries if isinstance(entry, Mapping) for key in entry)


def _package(document: Document) -> tuple[int | None, str]:
    for number, line in enumerate(document.lines):
        if match := _PACKAGE.match(line):
            return number, match[2]
        if line.strip() and not line.lstrip().startswith("#"):
            break
    return None, ""
