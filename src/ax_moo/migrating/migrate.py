"""Rewrites a config of the Optuna, Ax or Nevergrad sweeper as one of ours, and leaves all else in the file as it is."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ax_moo.migrating.defaults_list import Choices, Edit, choices, edits
from ax_moo.migrating.document import Document
from ax_moo.migrating.entries import Entry, Item, Note
from ax_moo.migrating.keys import Keys
from ax_moo.migrating.layout import Layout, layout_of, new_header, sweeper_of
from ax_moo.migrating.peers import Peer, named, peer_of
from ax_moo.migrating.references import with_references
from ax_moo.migrating.section import section
from ax_moo.system.errors import ConfigError


def migrated(text: str, folder: str = "") -> str:
    """The text of the file with our sweeper in place of the other one.

    In ``folder``, where it ends in hydra/sweeper, the file is an option of this group, whatever its package.

    Raises:
        ConfigError: the text is no YAML, or configures none of the sweepers that we know.
    """
    document = Document(text)
    layout = layout_of(document, folder)
    sweeper = sweeper_of(document, layout)
    chosen = choices(document, layout)
    peer = peer_of(sweeper, chosen.sweeper, chosen.sampler)
    items = _items(document, layout, sweeper, chosen, peer)
    changes = [
        *edits(document, layout, needs_ours=_is_whole(layout, sweeper)),
        *_header(document, layout),
        *section(document, layout, items),
    ]
    lines = _edited(document.lines, changes)
    result = with_references(lines, sweeper, items)
    newline = "\r\n" if "\r\n" in text else "\n"
    written = newline.join(result) + (newline if text.endswith("\n") else "")
    _check_reads(written)
    return written


def _items(
    document: Document, layout: Layout, sweeper: Mapping[str, Any], chosen: Choices, peer: Peer
) -> Sequence[Item]:
    if chosen.sampler is not None and not isinstance(sweeper.get("sampler"), str):
        sampler = sweeper.get("sampler") or {}
        sweeper = {**sweeper, "sampler": {"_target_": str(chosen.sampler), **sampler}}
    keys = Keys(peer, sweeper, lambda path: document.resolved((*layout.place, *path[len(layout.inside) :])))
    items = _once(keys.items())
    if layout.is_space:
        return items
    if named(chosen.sweeper) or _is_whole(layout, sweeper):
        return [*items, *_defaults(peer, items)]
    remark = "choose the sweeper with hydra/sweeper=ax_moo"
    if chosen.sweeper is not None:
        remark = f"migrate the config of hydra/sweeper={chosen.sweeper}, too"
    return _with_remark(items, remark)


def _is_whole(layout: Layout, sweeper: Mapping[str, Any]) -> bool:
    """Whether these are all of the sweeper's keys: Hydra 1.0 found the others of an option by its name."""
    return "_target_" in sweeper or layout.is_named_by_group


def _once(items: Iterator[Item]) -> list[Item]:
    """The items without a second entry of the same key, which is a note then."""
    kept: list[Item] = []
    for item in items:
        earlier = next((each for each in kept if isinstance(each, Entry) and each.key == item.key), None)
        if earlier is None or isinstance(item, Note):
            kept.append(item)
        else:
            kept.append(Note(".".join(item.source), _plain(item.value), f"{item.key} is given already", item.source))
    return kept


def _plain(value: Any) -> Any:
    """The parameters as a mapping; any other value as it is."""
    if not isinstance(value, list) or not all(isinstance(each, (Entry, Note)) for each in value):
        return value
    return {each.key: each.value for each in value}


def _defaults(peer: Peer, items: Sequence[Item]) -> Iterator[Entry]:
    """What the other sweeper does where its config says nothing, and ours does not."""
    given = {item.key for item in items if isinstance(item, Entry)}
    for key, value in peer.defaults.items():
        if key not in given:
            yield Entry(key, value, (), f"the default of hydra/sweeper={peer.name}")


def _with_remark(items: Sequence[Item], remark: str) -> Sequence[Item]:
    first = next((item for item in items if isinstance(item, Entry)), None)
    if first is None:
        return items
    told = dataclasses.replace(first, remark=f"{remark}; {first.remark}" if first.remark else remark)
    return [told if item is first else item for item in items]


def _header(document: Document, layout: Layout) -> Iterator[Edit]:
    header = new_header(document, layout)
    if header is not None and layout.header is not None:
        yield Edit(layout.header, layout.header + 1, (header,) if header else ())


def _edited(lines: Sequence[str], changes: Sequence[Edit]) -> list[str]:
    result = list(lines)
    for edit in sorted(changes, key=lambda each: (each.first, each.end), reverse=True):
        result[edit.first : edit.end] = edit.lines
    return result


def _check_reads(text: str) -> None:
    try:
        Document(text)
    except ConfigError as error:
        raise ConfigError(
            f"cannot be rewritten in its lines ({error}); give the sweeper's part in a file of its own"
        ) from None
