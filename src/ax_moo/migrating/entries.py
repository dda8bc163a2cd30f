"""What a migrated config says: entries of ours, and notes about what has none, both written as lines of YAML."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml
from omegaconf import OmegaConf

from ax_moo.migrating.document import Comments, Path, plain

_WIDTH = 110


@dataclass(frozen=True)
class Entry:
    """A key of ours and its value, which may be entries itself. Its comments are those of ``source``."""

    key: str
    value: Any
    source: Path = ()
    remark: str = ""


@dataclass(frozen=True)
class Note:
    """What the other sweeper's config says, and why ours does not."""

    key: str
    value: Any
    reason: str
    source: Path = ()


Item: TypeAlias = Entry | Note


class Writer:
    """Writes items, each under the comments of its source; a comment is written once."""

    def __init__(self, comments: Mapping[Path, Comments]) -> None:
        self._comments = dict(comments)

    def lines(self, items: Sequence[Item], indent: int) -> Iterator[str]:
        margin = " " * indent
        for item in items:
            for text in self._above(item.source):
                yield f"{margin}{text}".rstrip()
            beside = self._comments.pop(item.source, Comments()).beside
            if isinstance(item, Note):
                if beside:
                    yield f"{margin}{beside}"
                yield from _comment(f"not taken over: {item.key}: {scalar(item.value)}", margin)
                yield from _comment(f"  {item.reason}", margin)
                continue
            if item.remark:
                yield from _comment(item.remark, margin)
            yield from self._entry(item, f"  {beside}" if beside else "", indent)

    def _entry(self, item: Entry, beside: str, indent: int) -> Iterator[str]:
        margin = " " * indent
        if (
            item.key == "params"
            and isinstance(item.value, list)
            and all(isinstance(each, (Entry, Note)) for each in item.value)
        ):
            is_empty = not any(isinstance(each, Entry) for each in item.value)
            yield f"{margin}{scalar(item.key)}:{' {}' if is_empty else ''}{beside}"
            yield from self.lines(item.value, indent + 2)
        else:
            yield f"{margin}{scalar(item.key)}: {scalar(item.value)}{beside}"

    def _above(self, source: Path) -> Iterator[str]:
        for length in range(1, len(source) + 1):
            path = source[:length]
            comments = self._comments.get(path, Comments())
            yield from comments.above
            if path != source and comments.beside:
                yield comments.beside
            self._comments[path] = Comments((), comments.beside if path == source else "")

    def left(self, indent: int) -> Iterator[str]:
        """The comments of keys that nothing was written for."""
        for comments in self._comments.values():
            yield from (f"{' ' * indent}{text}" for text in (*comments.above, comments.beside) if text)
        self._comments.clear()


def scalar(value: Any) -> str:
    """The value in one line of YAML that OmegaConf reads back as it is."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    text = text.removesuffix("\n").removesuffix("\n...")
    if isinstance(value, str) and ("\n" in text or not _reads_back(text, value)):
        return json.dumps(value, ensure_ascii=False)
    return text


def _reads_back(text: str, value: str) -> bool:
    return bool(plain(OmegaConf.create(f"key: {text}")) == {"key": value})


def _comment(text: str, margin: str) -> Iterator[str]:
    start = f"{margin}# "
    inner = " " * (len(text) - len(text.lstrip()))
    width = max(_WIDTH, len(margin) + 40)
    yield from textwrap.wrap(
        text.strip(),
        width,
        initial_indent=start + inner,
        subsequent_indent=f"{start}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
