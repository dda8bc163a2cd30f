"""Parameters that the command line gives one by one: ``'hydra.sweeper.params.model.lr="interval(0, 1)"'``.

Hydra makes a nested mapping of such a key, where ``params`` has a key with dots.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ax_moo.search_space.parsing import FIELDS, PARAMS

_FIELDS = {"type", *(field for fields in FIELDS.values() for field in fields)}


def with_dotted_keys(params: Any, overrides: Sequence[str]) -> Any:
    """The ``params`` in which a key that one of Hydra's own overrides names is one key, and wins over the config's."""
    if not isinstance(params, Mapping):
        return params
    flat = dict(params)
    for override in overrides:
        name, field = named(override)
        if "." not in name:
            continue
        flat, value = _without(flat, name.split("."))
        if value is None:
            continue
        is_merged = field and isinstance(value, Mapping) and isinstance(flat.get(name), Mapping)
        flat[name] = {**flat[name], **value} if is_merged else value
    return flat


def named(override: str) -> tuple[str, str]:
    """The parameter that an override of ``hydra.sweeper.params`` names, and the field of its mapping, if it has one."""
    key = override.partition("=")[0].lstrip("+~")
    name = key.removeprefix(f"{PARAMS}.") if key.startswith(f"{PARAMS}.") else ""
    parent, _, last = name.rpartition(".")
    return (parent, last) if last in _FIELDS else (name, "")


def _without(mapping: Mapping[str, Any], path: Sequence[str]) -> tuple[dict[str, Any], Any]:
    """The mapping without the value at the path, and the value; None where there is none."""
    first, *others = path
    rest = {key: value for key, value in mapping.items() if key != first}
    if not others:
        return rest, mapping.get(first)
    below = mapping.get(first)
    if not isinstance(below, Mapping):
        return dict(mapping), None
    left, value = _without(below, others)
    return ({**mapping, first: left} if left else rest), value
