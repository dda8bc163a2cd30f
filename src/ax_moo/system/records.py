"""Records that this or a later version wrote, read back."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

R = TypeVar("R")


def from_record(kind: type[R], record: Mapping[str, Any], **values: Any) -> R:
    """The dataclass that a record describes, with ``values`` in place of what the record says.

    Fields of a later version are ignored. A later version that cannot be read so has another ``FORMAT``.

    Raises:
        TypeError: it is no mapping, or a field without a default is missing.
    """
    if not isinstance(record, Mapping):
        raise TypeError(f"must be a mapping, got {record!r}")
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in record.items() if name in known} | values)
