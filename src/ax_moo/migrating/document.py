"""A YAML file as text with known places, so that one part of it is replaced and the rest stays as it is written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml.nodes import MappingNode, Node, ScalarNode

from ax_moo.system.errors import ConfigError
from ax_moo.system.redaction import redacted
from ax_moo.system.text import one_line

Path: TypeAlias = tuple[str, ...]
"""The keys that lead to a value."""

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What YAML takes for the end of a line."""
_IN_BRACES = re.compile(r"\s*,?\s+(#.*)")


@dataclass(frozen=True)
class Comments:
    """The comment lines above a key, blank ones included, and the comment beside it."""

    above: tuple[str, ...] = ()
    beside: str = ""


@dataclass(frozen=True)
class Place:
    """A key's line, its column, and the last line of its value; ``node`` is the value."""

    first: int
    last: int
    column: int
    node: Node


class Document:
    """The mapping that a YAML file holds, its lines, and where each key of the mapping is written."""

    def __init__(self, text: str) -> None:
        """Read the text as Hydra would.

        Raises:
            ConfigError: it is no YAML, or holds no mapping.
        """
        self.lines = _LINE_BREAK.split(text)
        if not self.lines[-1]:
            del self.lines[-1]
        self.config, self.root = _read(text)
        self.values: dict[str, Any] = plain(self.config)
        self.places: dict[Path, Place] = {}
        self.comments: dict[Path, Comments] = {}
        self._find((), self.root, self.values, -1)

    def value(self, path: Path) -> Any:
        return at(self.values, path)

    def resolved(self, path: Path) -> Any:
        """The value with its interpolations resolved, as far as this file alone resolves them."""
        node: Any = self.config
        try:
            for key in path:
                node = node[key]
            return plain(node) if OmegaConf.is_config(node) else node
        except (OmegaConfBaseException, KeyError, TypeError):
            return self.value(path)

    def _find(self, path: Path, node: Node, value: Any, previous: int) -> None:
        """Note places and comments of all keys below the node; ``previous`` is the last line before its first key."""
        if not isinstance(node, MappingNode) or not isinstance(value, Mapping):
            return
        for name, key, inner in _entries(node, value):
            line, last = key.start_mark.line, max(_last_line(inner), key.end_mark.line)
            here = (*path, name)
            self.places.setdefault(here, Place(line, last, key.start_mark.column, inner))
            self.comments[here] = Comments(
                tuple(self._above(line, previous)),
                self.in_braces(inner) if node.flow_style else self._beside(key, inner),
            )
            self._find(here, inner, value.get(name), line)
            previous = last

    def _above(self, line: int, previous: int) -> Iterator[str]:
        for each in self.lines[previous + 1 : line]:
            text = each.strip()
            if not text or text.startswith("#"):
                yield text

    def in_braces(self, value: Node) -> str:
        """The comment beside a value in braces or brackets, if it is the last one on its line."""
        found = _IN_BRACES.match(self.lines[value.end_mark.line][value.end_mark.column :])
        return found[1].strip() if found else ""

    def _beside(self, key: Node, value: Node) -> str:
        is_on_one_line = value.start_mark.line == value.end_mark.line == key.end_mark.line
        end = value.end_mark.column if is_on_one_line else key.end_mark.column
        rest = self.lines[key.end_mark.line][end:]
        return rest[rest.index("#") :].strip() if " #" in rest else ""


def _read(text: str) -> tuple[DictConfig, MappingNode]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        config = OmegaConf.create(text)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, RecursionError) as error:
        raise ConfigError(f"is not the YAML of a config: {one_line(redacted(str(error)))}") from None
    if not isinstance(root, MappingNode) or not isinstance(config, DictConfig):
        raise ConfigError("holds no mapping; give the YAML file that configures the sweeper")
    return config, root


def at(value: Any, path: Path) -> Any:
    """What the path leads to in nested mappings; None where it leads nowhere."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def plain(config: Any) -> Any:
    """Plain mappings with text as keys, lists and scalars; interpolations stay as they are written."""
    value = OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def _entries(node: MappingNode, value: Mapping[str, Any]) -> Iterator[tuple[str, Node, Node]]:
    """Name, key and value of each entry; a key such as ``on`` is a bool to YAML, and so another name."""
    names = list(value)
    for index, (key, inner) in enumerate(node.value):
        written = str(key.value)
        if written not in value and len(names) == len(node.value):
            written = names[index]
        yield written, key, inner


def _last_line(node: Node) -> int:
    """The last line with something of the node; the end of a block is only where the next one begins."""
    if isinstance(node, ScalarNode) or getattr(node, "flow_style", False):
        is_at_start = node.end_mark.column == 0 and node.end_mark.line > node.start_mark.line
        return int(node.end_mark.line) - (1 if is_at_start else 0)
    inner = [each for entry in node.value for each in (entry if isinstance(entry, tuple) else (entry,))]
    return max((_last_line(each) for each in inner), default=int(node.start_mark.line))
