"""References from elsewhere in the file to keys of the sweeper: ``${hydra.sweeper.sampler.seed}``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ax_moo.migrating.document import Path, at
from ax_moo.migrating.entries import Entry, Item, scalar
from ax_moo.other_sweepers import successor
from ax_moo.sweep.settings import OTHER_KEYS, RULES

_REFERENCE = re.compile(r"\$\{(hydra[.:]sweeper)\.([A-Za-z_][\w.]*)\}")
_LITERAL = re.compile(r"(?:(?! )(?:[\w ./:-]|\$\{\w[\w./:,%-]*\})*(?<! ))?")
"""What can stand within any text of YAML. An interpolation that begins with a dot means another key elsewhere."""


def with_references(lines: Sequence[str], sweeper: Mapping[str, Any], items: Sequence[Item]) -> Iterator[str]:
    """The lines with references to the sweeper's keys as references to ours, or as the value where it has no key."""
    kept = {item.key for item in items if isinstance(item, Entry)}

    def replaced(match: re.Match[str]) -> str:
        path: Path = tuple(match[2].split("."))
        found = successor(match[2])
        if found and found.key in kept:
            return f"${{{match[1]}.{found.key}}}"
        if path[0] in kept or (path[0] in (*RULES, *OTHER_KEYS) and path[0] not in sweeper):
            return match[0]
        value = at(sweeper, path)
        literal = scalar(value) if not isinstance(value, (dict, list)) else match[0]
        return literal if _LITERAL.fullmatch(literal) else match[0]

    return (_REFERENCE.sub(replaced, line) for line in lines)
