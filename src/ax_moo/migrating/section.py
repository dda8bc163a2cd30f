"""The sweeper's part of a file as lines of ours, in its place or in a new one."""

from collections.abc import Iterator, Sequence

from yaml.nodes import MappingNode

from ax_moo.migrating.defaults_list import Edit
from ax_moo.migrating.document import Document
from ax_moo.migrating.entries import Entry, Item, Note, Writer
from ax_moo.migrating.layout import Layout, comments_of
from ax_moo.system.errors import ConfigError


def section(document: Document, layout: Layout, items: Sequence[Item]) -> Iterator[Edit]:
    """The sweeper's keys as ours, in their place or in a new one."""
    writer = Writer(comments_of(document, layout))
    place = document.places.get(layout.place)
    if layout.is_option:
        children = [each for path, each in document.places.items() if len(path) == 1 and path != ("defaults",)]
        if children:
            first, end = children[0].first, max(child.last for child in children) + 1
            defaults = document.places.get(("defaults",))
            if defaults is not None and first < defaults.first:
                raise ConfigError("has keys above its defaults; write the defaults first")
            own = _of_the_space(items) if layout.is_space else items
            yield Edit(first, end, (*writer.lines(own, 0), *writer.left(0)))
        return
    if not any(isinstance(item, Entry) for item in items) and place is None:
        return
    if place is None:
        yield _new_section(document, layout, items, writer)
    else:
        inner = [each for path, each in document.places.items() if path[:-1] == layout.place]
        beside = f"  {text}" if (text := document.comments[layout.place].beside) else ""
        is_block = isinstance(place.node, MappingNode) and not place.node.flow_style and bool(inner)
        indent = inner[0].column if is_block else place.column + 2
        key_line = document.lines[place.first] if is_block else f"{' ' * place.column}{layout.place[-1]}:{beside}"
        if not any(isinstance(item, Entry) for item in items):
            key_line = f"{' ' * place.column}{layout.place[-1]}: {{}}{beside}"
        yield Edit(place.first, place.last + 1, (key_line, *writer.lines(items, indent), *writer.left(indent)))


def _of_the_space(items: Sequence[Item]) -> Sequence[Item]:
    """The parameters alone, for a file whose package is the search space; all else is a note."""
    found: list[Item] = []
    for item in items:
        if isinstance(item, Entry) and item.key == "params":
            found.extend(item.value)
        elif isinstance(item, Entry):
            found.append(Note(item.key, item.value, "write it below hydra.sweeper"))
        else:
            found.append(item)
    return found


def _new_section(document: Document, layout: Layout, items: Sequence[Item], writer: Writer) -> Edit:
    hydra = document.places.get(("hydra",))
    inner = [each for path, each in document.places.items() if path[:-1] == ("hydra",)]
    if layout.place[:-1] and hydra is not None and inner:
        column = inner[0].column
        section = (f"{' ' * column}sweeper:", *writer.lines(items, column + 2))
        return Edit(inner[0].first, inner[0].first, section)
    section = ("hydra:", "  sweeper:", *writer.lines(items, 4))
    if hydra is not None:
        return Edit(hydra.first, hydra.last + 1, section)
    return Edit(len(document.lines), len(document.lines), ("", *section))
