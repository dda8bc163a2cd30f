"""The defaults list of a config: which sweeper and sampler it chooses, and the same list with ours."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yaml.nodes import SequenceNode

from ax_moo.migrating.document import Document
from ax_moo.migrating.entries import scalar
from ax_moo.migrating.layout import Layout
from ax_moo.migrating.peers import OURS, named

_PREFIX = re.compile(r"^(override |optional )*/?")
_OF_OUR_OPTION = "ax_moo_defaults"
"""The name under which an option of hydra/sweeper finds our keys, also where it is called ax_moo itself."""


@dataclass(frozen=True)
class Edit:
    """New lines in place of the lines from ``first`` up to and without ``end``."""

    first: int
    end: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Choices:
    """What the defaults list says of hydra/sweeper and hydra/sweeper/sampler; None where it says nothing."""

    sweeper: Any = None
    sampler: Any = None


def choices(document: Document, layout: Layout) -> Choices:
    found: dict[str, Any] = {}
    for item in _items(document):
        for group, option in _chosen(item, layout):
            found[group] = option
    return Choices(found.get("sweeper"), found.get("sampler"))


def edits(document: Document, layout: Layout, *, needs_ours: bool) -> Iterator[Edit]:
    """The list with our sweeper and without samplers; ``needs_ours`` adds ours where the list names no sweeper."""
    own = _own_entry(layout)
    is_missing = needs_ours and choices(document, layout).sweeper is None
    place = document.places.get(("defaults",))
    if place is None or not isinstance(place.node, SequenceNode):
        if is_missing:
            yield _new_list(document, place.first if place else None, own, layout)
        return
    items = _items(document)
    if place.node.flow_style:
        margin = " " * place.column
        beside = f"  {said}" if (said := document.comments[("defaults",)].beside) else ""
        kept = list(_from_brackets(document, layout, f"{margin}  "))
        added = [f"{margin}  - {own}"] if is_missing else []
        yield Edit(place.first, place.last + 1, (f"{margin}defaults:{beside}", *kept, *added))
        return
    yield from _in_lines(document, layout, items)
    if is_missing:
        margin = " " * place.node.start_mark.column
        first = place.node.value[0].start_mark.line if own == _OF_OUR_OPTION else place.last + 1
        yield Edit(first, first, (f"{margin}- {own}",))


def _from_brackets(document: Document, layout: Layout, margin: str) -> Iterator[str]:
    nodes = document.places[("defaults",)].node.value
    for item, node in zip(_items(document), nodes, strict=True):
        said, rewritten = document.in_braces(node), _rewritten(item, layout)
        if said and not rewritten:
            yield f"{margin}{said}"
        yield from (f"{margin}- {text}{f'  {said}' if said else ''}" for text in rewritten)


def _in_lines(document: Document, layout: Layout, items: Sequence[Any]) -> Iterator[Edit]:
    place = document.places[("defaults",)]
    nodes = place.node.value
    margin = " " * place.node.start_mark.column
    for number, (item, node) in enumerate(zip(items, nodes, strict=True)):
        rewritten = _rewritten(item, layout)
        if rewritten == [_text(item)]:
            continue
        line = node.start_mark.line
        end = max(line, _end(nodes, number, place.last, document)) + 1
        beside = re.search(r"\s+#.*$", document.lines[line])
        said = beside[0] if beside else ""
        kept = (f"{margin}{said.strip()}",) if said and not rewritten else ()
        yield Edit(line, end, kept or tuple(f"{margin}- {text}{said}" for text in rewritten))


def _end(nodes: Sequence[Any], number: int, last: int, document: Document) -> int:
    """The last line of an item, without the comments that follow it."""
    end = nodes[number + 1].start_mark.line - 1 if number + 1 < len(nodes) else last
    while end > nodes[number].start_mark.line and document.lines[end].lstrip()[:1] in ("", "#"):
        end -= 1
    return end


def _rewritten(item: Any, layout: Layout) -> list[str]:
    """The item as it is to be, or nothing."""
    for group, option in _chosen(item, layout):
        if group == "sampler":
            return []
        if named(option) is None:
            break
        if not isinstance(item, Mapping):
            return [_OF_OUR_OPTION]
        key = next(iter(item))
        return [f"{key if 'override' in key.split() else f'override {key}'}: {OURS}"]
    return [_text(item)]


def _chosen(item: Any, layout: Layout) -> Iterator[tuple[str, Any]]:
    """``sweeper`` or ``sampler``, and the option that the item chooses of it."""
    if isinstance(item, str):
        if layout.is_option and named(item):
            yield "sweeper", item
        return
    for key, option in item.items() if isinstance(item, Mapping) else ():
        group = _PREFIX.sub("", str(key)).partition("@")[0]
        if group in ("hydra/sweeper", "sweeper"):
            yield "sweeper", option
        elif group.endswith("sweeper/sampler") or (layout.is_option and group == "sampler"):
            yield "sampler", option


def _new_list(document: Document, line: int | None, own: str, layout: Layout) -> Edit:
    ordered = (own, "_self_") if own == _OF_OUR_OPTION else ("_self_", own)
    lines = ("defaults:", *(f"  - {each}" for each in ordered))
    if line is not None:
        return Edit(line, line + 1, lines)
    first = min(place.first for place in document.places.values())
    while (
        first > 0 and document.lines[first - 1].lstrip().startswith("#") and "@package" not in document.lines[first - 1]
    ):
        first -= 1
    is_apart = not document.lines[first].strip()
    return Edit(first, first, lines if is_apart else (*lines, ""))


def _own_entry(layout: Layout) -> str:
    if not layout.is_option:
        return f"override /hydra/sweeper: {OURS}"
    return _OF_OUR_OPTION if layout.is_of_its_group else f"override /hydra/sweeper@_global_.hydra.sweeper: {OURS}"


def _items(document: Document) -> list[Any]:
    defaults = document.values.get("defaults")
    return defaults if isinstance(defaults, list) else []


def _text(item: Any) -> str:
    if isinstance(item, Mapping) and len(item) == 1:
        key, option = next(iter(item.items()))
        return f"{scalar(key)}: {scalar(option)}"
    return scalar(item)
