"""Reading JSON records back as dataclasses, also when a later version wrote them."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

R = TypeVar("R")


def from_record(kind: type[R], record: Mapping[str, Any], **values: Any) -> R:
    """The dataclass that a record describes; ``values`` replace fields of the record.

    Fields that a later version has added are ignored. A version whose records cannot be read this way changes
    ``FORMAT``.

    Raises:
        TypeError: the record is not a mapping, or a field without a default is missing.
    """
    if not isinstance(record, Mapping):
        raise TypeError(f"must be a mapping, got {record!r}")
    known = _names(kind)  # type: ignore[arg-type]
    return kind(**{name: value for name, value in record.items() if name in known} | values)


@cache
def _names(kind: type) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(kind))
